/* A file system without locks, without hard links and without fsync, put before libc's by LD_PRELOAD. Locks answer
   ENOLCK, or ENOSYS where the variable UNKNOWN_LOCKS is set. What lies below the folder in the variable WITH_LOCKS is on
   another file system, which has all of them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

static int refused(int code) { errno = code; return -1; }
static int unlocked(void) { return refused(getenv("UNKNOWN_LOCKS") ? ENOSYS : ENOLCK); }
static int elsewhere(const char *path) {
    const char *folder = getenv("WITH_LOCKS");
    return folder && !strncmp(path, folder, strlen(folder));
}
static int open_elsewhere(int file) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return elsewhere(path);
}

int flock(int file, int operation) {
    return open_elsewhere(file) ? NEXT(int (*)(int, int), "flock")(file, operation) : unlocked();
}
int fsync(int file) { return open_elsewhere(file) ? NEXT(int (*)(int), "fsync")(file) : refused(EINVAL); }
int link(const char *from, const char *to) {
    return elsewhere(to) ? NEXT(int (*)(const char *, const char *), "link")(from, to) : refused(EPERM);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    int (*next)(int, const char *, int, const char *, int) = dlsym(RTLD_NEXT, "linkat");
    return elsewhere(to) ? next(a, from, b, to, flags) : refused(EPERM);
}

static int control(const char *name, int file, int command, void *argument) {
    switch (command) {
    case F_GETLK: case F_SETLK: case F_SETLKW:
#ifdef F_OFD_GETLK
    case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
#endif
        if (!open_elsewhere(file)) return unlocked();
    }
    return NEXT(int (*)(int, int, ...), name)(file, command, argument);
}
int fcntl(int file, int command, ...) {
    va_list rest; va_start(rest, command);
    void *argument = va_arg(rest, void *); va_end(rest);
    return control("fcntl", file, command, argument);
}
int fcntl64(int file, int command, ...) {
    va_list rest; va_start(rest, command);
    void *argument = va_arg(rest, void *); va_end(rest);
    return control("fcntl64", file, command, argument);
}
