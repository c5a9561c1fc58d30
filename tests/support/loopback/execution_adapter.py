"""Between Pants and the remote execution of buildbox-casd.

Pants 2.17 names the outputs of a process in the fields that the API had before version 2.1, `output_files`
and `output_directories`; buildbox reads `output_paths` alone, which newer releases fill. This program takes
executions, copies these names where that field is empty, and hands them on. It prints on standard output
its port, and of each execution a line of JSON: arguments, environment, the exit code, and whether names had
to be copied.

    python execution_adapter.py SITE-PACKAGES-OF-BUILDSTREAM HOST:PORT
"""

import hashlib
import json
import sys
import types
from concurrent import futures

import grpc


def _import_api(site):
    # The modules of the API in that wheel, without buildstream itself, which needs much more.
    package = types.ModuleType("buildstream")
    package.__path__ = [f"{site}/buildstream"]
    sys.modules["buildstream"] = package
    from buildstream._protos.build.bazel.remote.execution.v2 import (
        remote_execution_pb2,
        remote_execution_pb2_grpc,
    )

    return remote_execution_pb2, remote_execution_pb2_grpc


api, services = _import_api(sys.argv[1])


class Execution(services.ExecutionServicer):
    """Hands executions on to the server behind `channel`."""

    def __init__(self, channel):
        self._blobs = services.ContentAddressableStorageStub(channel)
        self._execution = services.ExecutionStub(channel)

    def Execute(self, request, context):
        """Remote Execution API, Execution.Execute."""
        action = api.Action.FromString(self._read(request.action_digest))
        command = api.Command.FromString(self._read(action.command_digest))
        names = [*command.output_files, *command.output_directories]
        is_copied = bool(names) and not command.output_paths
        digest = request.action_digest
        if is_copied:
            command.output_paths.extend(names)
            command.ClearField("output_files")
            command.ClearField("output_directories")
            action.command_digest.CopyFrom(self._write(command.SerializeToString()))
            digest = self._write(action.SerializeToString())
        for operation in self._execution.Execute(api.ExecuteRequest(action_digest=digest, skip_cache_lookup=True)):
            if operation.HasField("response"):
                answer = api.ExecuteResponse()
                operation.response.Unpack(answer)
                env = {variable.name: variable.value for variable in command.environment_variables}
                code = answer.result.exit_code
                execution = {"argv": list(command.arguments), "env": env, "code": code, "is_copied": is_copied}
                print(json.dumps(execution), flush=True)
            yield operation

    def _read(self, digest):
        (found,) = self._blobs.BatchReadBlobs(api.BatchReadBlobsRequest(digests=[digest])).responses
        return found.data

    def _write(self, data):
        digest = api.Digest(hash=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        one = api.BatchUpdateBlobsRequest.Request(digest=digest, data=data)
        self._blobs.BatchUpdateBlobs(api.BatchUpdateBlobsRequest(requests=[one]))
        return digest


class Capabilities(services.CapabilitiesServicer):
    """Those of the server behind `channel`."""

    def __init__(self, channel):
        self._capabilities = services.CapabilitiesStub(channel)

    def GetCapabilities(self, request, context):
        """Remote Execution API, Capabilities.GetCapabilities."""
        return self._capabilities.GetCapabilities(request)


def main():
    """Serve until somebody ends it."""
    channel = grpc.insecure_channel(sys.argv[2])
    server = grpc.server(futures.ThreadPoolExecutor(16))
    services.add_ExecutionServicer_to_server(Execution(channel), server)
    services.add_CapabilitiesServicer_to_server(Capabilities(channel), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
