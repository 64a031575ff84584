/* A file system without locks, without hard links and without fsync, put before libc's by LD_PRELOAD. Locks answer
   ENOLCK, or ENOSYS where the variable UNKNOWN_LOCKS is set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static int refused(int code) { errno = code; return -1; }
static int unlocked(void) { return refused(getenv("UNKNOWN_LOCKS") ? ENOSYS : ENOLCK); }
int flock(int file, int operation) { return unlocked(); }
int fsync(int file) { return refused(EINVAL); }
int link(const char *from, const char *to) { return refused(EPERM); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return refused(EPERM); }

static int control(const char *name, int file, int command, void *argument) {
    switch (command) {
    case F_GETLK: case F_SETLK: case F_SETLKW:
#ifdef F_OFD_GETLK
    case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
#endif
        return unlocked();
    }
    return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, name))(file, command, argument);
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
