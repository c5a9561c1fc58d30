"""What a call does with a path, by its name, its keywords and its library."""

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.subject import SourceFile, Subject


def rules(body, files=()):
    """Rules of what is found in a script, beside paths `files`."""
    findings = lint(Subject("x", (SourceFile("predict.py", body.encode()),), tuple(files), "predict:predict"))
    return [one.rule for one in findings if one.rule.startswith("MK1")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torch.load('BrainModel')", ["MK107"]),
        ("Service(model_dir)", ["MK107"]),
        ("Service(pretrained='models/w.pth')", ["MK107"]),
        ("convert(save_path)", ["MK106"]),
        ("snapshot_download('a/b', local_dir='weights')", ["MK106"]),
        ("cv2.imwrite(str(uuid.uuid4()) + '.png', inputs)", ["MK106"]),
        ("gr.Examples(examples=[[folder + '0.png', 1]], inputs=inputs)", ["MK107"]),
        ("inputs.image('logo.png')", ["MK107"]),
        ("open(os.path.join(os.environ['HOME'], 'w.json'))", ["MK102"]),
        ("open(os.path.join(os.getenv('HOME'), 'w.json'))", ["MK102"]),
        ("Path('/app')", ["MK101"]),
        ("os.makedirs(f'/{inputs}')", ["MK101"]),
        ("inputs.save(os.path.join(f'/{inputs}', 'x.png'))", ["MK101"]),
        ("inputs.save(os.path.join('/workspace', str(inputs)))", ["MK101"]),
        ("inputs.get(f'/{inputs}')", []),
        ("inputs['f'].save(os.path.join(app.config['FOLDER'], inputs['f'].filename))", ["MK106"]),
        ("inputs.save(os.path.join(app.config.get('FOLDER'), 'x.png'))", ["MK106"]),
        ("torch.save(1, '{}_out.pt'.format(os.path.splitext(os.path.basename(str(inputs)))[0]))", ["MK106"]),
        ("torch.load(os.path.join(model, os.path.basename(str(inputs))))", []),
        ("gr.Image(value='examples/a.png')", ["MK107"]),
        ("gr.Image(value=inputs)", []),
        ("FAISS.load_local('faiss_index')", ["MK107"]),
        ("WriterVerifier('models/w.pth')", ["MK107"]),
        ("Service(cache_dir=os.path.join(os.path.dirname(__file__), 'cache'))", ["MK106"]),
        ("Service(image_path='images/no (1).jpg')", ["MK107"]),
        ("subprocess.run([sys.executable, 'tools/run.py', inputs])", ["MK107"]),
        ("os.system('bash run.sh --fast')", ["MK107"]),
        ("subprocess.run(['python3', '-m', 'http.server'])", []),
        ("subprocess.run(['python3', 'run.py'], cwd=model)", []),
        ("sys.path += ['../lib']", ["MK108"]),
        ("sys.path[:0] = ['../lib']", ["MK108"]),
        ("print(model_dir)", []),
        ("os.path.exists(model_dir)", []),
        ("ValueError(model_dir)", []),
        ("cv2.VideoCapture(0)", []),
        ("cv2.imwrite(f'/tmp/{uuid.uuid4()}.png', inputs)", []),
        ("Service(name='models/w.pth')", []),
        ("inputs.image(inputs)", []),
        ("audio_write(save_path, inputs)", ["MK106"]),
        ("imwrite(inputs, save_path)", ["MK106"]),
        ("inputs.save_model('out.glb')", ["MK106"]),
        ("Service(str(save_path))", ["MK106"]),
        ("Service(Path('models') / f'{inputs}.pt')", ["MK107"]),
        ("Service(args.settings)", ["MK107"]),
        ("torch.load(f'{inputs}_best.pt')", ["MK107"]),
        ("torch.load(inputs + '_best.pt')", ["MK107"]),
        ("torch.load('%s_best.pt' % inputs)", ["MK107"]),
        ("torch.load('{}_best.pt'.format(inputs))", ["MK107"]),
        ("torch.load(f'{inputs.path}_best.pt')", []),
        ("torch.load(f'{inputs}/best.pt')", []),
        ("gr.Examples(examples=examples, inputs=inputs)", ["MK107", "MK107"]),
        ("gr.Blocks(css='style.css')", ["MK107"]),
        ("gr.Blocks(css='body {}')", []),
        ("nltk.data.load('tokenizers/punkt/english.pickle')", []),
        ("snapshot_download(inputs, local_dir='.')", ["MK106"]),
        ("APIRoute('/v2/docs/dataplane.json', inputs)", []),
    ],
)
def test_paths_by_what_they_are_handed_to(line, expected):
    """Names and keywords that say so, functions that open any text, and those that open none."""
    head = (
        "import argparse, os, subprocess, sys, uuid\nimport cv2, nltk\nimport gradio as gr\nimport torch\n"
        "from pathlib import Path\nfrom basicsr.utils import imwrite\nfrom audiocraft.data.audio import audio_write\n"
        "from fastapi.routing import APIRoute\n"
        "parser = argparse.ArgumentParser()\nparser.add_argument('--settings', default='configs/model.yaml')\n"
        "args = parser.parse_args()\n"
        "from huggingface_hub import snapshot_download\n"
        "from service import FAISS, Service, WriterVerifier, app, convert\n"
        "\napp.config['FOLDER'] = 'uploads'\n"
        "model_dir = 'models'\nsave_path = 'models/out.onnx'\nfolder = './examples/'\n"
        "examples = [['How many?', 'examples/a.png'], ['Where?', 'examples/b.png']]\n"
    )
    assert expected == rules(f"{head}\n\ndef predict(inputs, model):\n    {line}\n    return inputs\n")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [("SELECT text FROM messages", []), ("INSERT INTO messages VALUES (1)", ["MK106"]),
     ("\n    create table messages (text)", ["MK106"])],
)  # fmt: skip
def test_a_data_base_beside_the_code_is_written_to_by_its_statements(statement, expected):
    """SQLite opens a file to read it as it does to change it."""
    body = (
        "import os\nimport sqlite3\n\nPATH = os.path.join(os.path.dirname(__file__), 'chat.db')\n\n"
        f"def predict(inputs, model):\n    return sqlite3.connect(PATH).execute({statement!r})\n"
    )
    assert expected == rules(body, files=["chat.db"])
