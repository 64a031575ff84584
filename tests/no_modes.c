/* A file system that gives all files to everybody (vfat, some CIFS mounts), put before libc's calls by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>

static int open_to_all(const char *path, int made) {
    if (!made) ((int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "chmod"))(path, 0777);
    return made;
}
int mkdir(const char *path, mode_t mode) {
    return open_to_all(path, ((int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir"))(path, mode));
}
int chmod(const char *path, mode_t mode) { return 0; }
