/* Preloaded (LD_PRELOAD) into a program: ends it, and all of its process group, at its n-th step on files and sockets.
 *
 * KILLER names a file that its processes share: two longs, the steps so far and n, 0 for never. Of a write that is the
 * n-th step, half is written. Standard output and error count for nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static long unused[2];
static long *shared = unused;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("KILLER");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof unused, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) shared = mapped;
    close(file);
}

static int is_last(void) { return __atomic_add_fetch(shared, 1, __ATOMIC_SEQ_CST) == shared[1]; }

static void end(void) {
    kill(0, SIGKILL);
    for (;;) pause();
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define STEP(result, name, parameters, arguments) \
    result name parameters { REAL(name); if (is_last()) end(); return real arguments; }
#define WRITE(name, parameters, arguments, half) \
    ssize_t name parameters { REAL(name); if (file > 2 && is_last()) { real half; end(); } return real arguments; }
#define OPEN(name, parameters, arguments) \
    int name parameters { \
        REAL(name); \
        mode_t mode = 0; \
        if (flags & O_CREAT) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        if ((flags & (O_CREAT | O_TRUNC)) && is_last()) end(); \
        return real arguments; \
    }

WRITE(write, (int file, const void *data, size_t size), (file, data, size), (file, data, size / 2))
WRITE(pwrite, (int file, const void *data, size_t size, off_t at), (file, data, size, at), (file, data, size / 2, at))
WRITE(pwrite64, (int file, const void *data, size_t size, off64_t at), (file, data, size, at), (file, data, size / 2, at))
WRITE(writev, (int file, const struct iovec *parts, int count), (file, parts, count), (file, parts, count / 2))
WRITE(send, (int file, const void *data, size_t size, int flags), (file, data, size, flags), (file, data, size / 2, flags))
WRITE(sendto,
      (int file, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length),
      (file, data, size, flags, to, length), (file, data, size / 2, flags, to, length))
WRITE(sendmsg, (int file, const struct msghdr *message, int flags), (file, message, flags), (file, message, flags))
WRITE(sendfile, (int file, int from, off_t *at, size_t size), (file, from, at, size), (file, from, at, size / 2))
WRITE(sendfile64, (int file, int from, off64_t *at, size_t size), (file, from, at, size), (file, from, at, size / 2))
ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *at, size_t size, unsigned flags) {
    REAL(copy_file_range);
    if (is_last()) { real(from, start, to, at, size / 2, flags); end(); }
    return real(from, start, to, at, size, flags);
}

OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
OPEN(openat64, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))

STEP(int, rename, (const char *one, const char *other), (one, other))
STEP(int, renameat, (int a, const char *one, int b, const char *other), (a, one, b, other))
STEP(int, link, (const char *one, const char *other), (one, other))
STEP(int, linkat, (int a, const char *one, int b, const char *other, int flags), (a, one, b, other, flags))
STEP(int, symlink, (const char *one, const char *other), (one, other))
STEP(int, unlink, (const char *path), (path))
STEP(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
STEP(int, mkdir, (const char *path, mode_t mode), (path, mode))
STEP(int, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode))
STEP(int, rmdir, (const char *path), (path))
STEP(int, chmod, (const char *path, mode_t mode), (path, mode))
STEP(int, fchmod, (int file, mode_t mode), (file, mode))
STEP(int, fchmodat, (int folder, const char *path, mode_t mode, int flags), (folder, path, mode, flags))
STEP(int, utimensat, (int folder, const char *path, const struct timespec times[2], int flags), (folder, path, times, flags))
STEP(int, futimens, (int file, const struct timespec times[2]), (file, times))
STEP(int, ftruncate, (int file, off_t size), (file, size))
STEP(int, ftruncate64, (int file, off64_t size), (file, size))
STEP(int, fsync, (int file), (file))
STEP(int, fdatasync, (int file), (file))
STEP(int, syncfs, (int file), (file))
