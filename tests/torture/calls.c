/* System calls that fail, or that are the last ones, on purpose. For LD_PRELOAD.
 *
 * PLAYLAKE_CALLS_ROOT   the folder whose files are meant; calls on others are left alone
 * PLAYLAKE_CALLS_NOTES  a file outside of it, to which each stroke is appended before it is dealt:
 *                       "action call path", a line each
 * PLAYLAKE_CALLS        steps, "calls:path:when:action", joined by ">": each begins to count once
 *                       the one before it has struck
 *   calls   open, read, write, sync, rename, unlink, truncate, mkdir; several joined by "|"; * is any
 *   path    a text that the path, below the root, has in it: "^raw/" at its start, "spool.db$" at its
 *           end; a rename's is "from to"
 *   when    N, the N-th such call; N+K, that one and each K-th after it, for good; N%P, each from the
 *           N-th on with a chance of P in 100
 *   action  pass: nothing but a note          kill-before, kill-after: SIGKILL
 *           eio, enospc: the call fails       short: half is written, and it says so
 *           torn: half is written, then EIO   torn-kill: half is written, then SIGKILL
 *           lost: a sync fails with EIO, and what was written since the last one is gone, as after
 *                 pages that could not be written back and were dropped
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define IS(action, name) (strcmp(action, name) == 0)
#define STEPS 8
#define HALF(size) (((size) + 1) / 2) /* none at all would mean that the disk is full */

typedef struct {
    char *calls, *path, *action;
    long from, each, percent, seen;
} Step;

typedef struct Undo { /* what lay where a write went that is not synced yet */
    struct Undo *before;
    dev_t device;
    ino_t inode;
    off_t offset;
    size_t size;
    char old[];
} Undo;

static Step steps[STEPS];
static int step_count, step, notes = -1, remembering;
static char root[PATH_MAX];
static unsigned seed = 1;
static Undo *undone;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Called when it is loaded; and by a process that was forked since, whose environment has a plan. */
__attribute__((constructor)) void playlake_calls_read_plan(void) {
    const char *plan = getenv("PLAYLAKE_CALLS"), *noted = getenv("PLAYLAKE_CALLS_NOTES");
    const char *under = getenv("PLAYLAKE_CALLS_ROOT"), *seeded = getenv("PLAYLAKE_CALLS_SEED");
    if (!plan || !noted || !under) return;
    snprintf(root, sizeof root, "%s/", under);
    if (seeded) seed = (unsigned)atoi(seeded);
    notes = REAL(open)(noted, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    char *rest = strdup(plan), *text;
    while ((text = strsep(&rest, ">")) && step_count < STEPS) {
        Step *each = &steps[step_count++];
        each->calls = strsep(&text, ":");
        each->path = strsep(&text, ":");
        char *when = strsep(&text, ":");
        each->action = text;
        if (!each->path || !when || !text) {
            fprintf(stderr, "PLAYLAKE_CALLS: no step: %s\n", plan);
            _exit(99);
        }
        if (sscanf(when, "%ld+%ld", &each->from, &each->each) < 2)
            sscanf(when, "%ld%%%ld", &each->from, &each->percent);
        if (IS(text, "lost")) remembering = 1;
    }
}

static int due(Step *now) {
    long past = ++now->seen - now->from;
    if (past < 0) return 0;
    if (now->each) return past % now->each == 0;
    if (now->percent) return rand_r(&seed) % 100 < now->percent;
    return past == 0;
}

static int named(const char *path, const char *text) {
    size_t length = strlen(path), end = strlen(text);
    if (*text == '^') return strncmp(path, text + 1, end - 1) == 0;
    if (end && text[end - 1] == '$')
        return length >= end - 1 && strncmp(path + length - end + 1, text, end - 1) == 0;
    return strstr(path, text) != NULL;
}

/* The action that strikes this call, "" for none. */
static const char *strike(const char *call, const char *path) {
    char *below = strstr(path, root), line[2 * PATH_MAX + 64];
    if (notes < 0 || !below) return "";
    below += strlen(root);
    const char *action = "";
    pthread_mutex_lock(&lock);
    Step *now = &steps[step];
    if (step < step_count && (*now->calls == '*' || strstr(now->calls, call)) &&
        named(below, now->path) && due(now)) {
        action = now->action;
        if (!now->each && !now->percent) step++;
        int length = snprintf(line, sizeof line, "%s %s %s\n", action, call, below);
        if (REAL(write)(notes, line, (size_t)length) != length) _exit(98);
    }
    pthread_mutex_unlock(&lock);
    return action;
}

static const char *strike_fd(const char *call, int fd) {
    char link[64], path[PATH_MAX];
    if (notes < 0 || fd == notes) return "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return "";
    path[length] = 0;
    return strike(call, path);
}

static void die_if(int now) {
    if (now) kill(getpid(), SIGKILL);
    while (now) pause();
}

/* Whether the call is not to be made; errno says why. */
static int fails(const char *action) {
    die_if(IS(action, "kill-before"));
    if (IS(action, "eio") || IS(action, "lost")) return errno = EIO, 1;
    if (IS(action, "enospc")) return errno = ENOSPC, 1;
    return 0;
}

static void remember(int fd, size_t size, off_t offset) {
    struct stat now;
    if (!remembering || fstat(fd, &now) || !S_ISREG(now.st_mode)) return;
    Undo *each = calloc(1, sizeof *each + size);
    *each = (Undo){undone, now.st_dev, now.st_ino, offset, size};
    if (REAL(pread64)(fd, each->old, size, offset) >= 0) undone = each;
}

/* The unsynced writes of a file are on the disk now, or never will be. */
static void forget(int fd, int gone) {
    struct stat now;
    if (!remembering || fstat(fd, &now)) return;
    for (Undo **at = &undone; *at;) {
        Undo *each = *at;
        if (each->device == now.st_dev && each->inode == now.st_ino) {
            if (gone && REAL(pwrite64)(fd, each->old, each->size, each->offset) < 0) _exit(97);
            *at = each->before;
            free(each);
        } else {
            at = &each->before;
        }
    }
}

#define AFTER(type, made)                  \
    type done = made;                      \
    die_if(IS(action, "kill-after"));      \
    return done

#define ON_PATH(call, path, made)          \
    const char *action = strike(call, path); \
    if (fails(action)) return -1;          \
    AFTER(int, made)

#define ON_FD(type, call, made)            \
    const char *action = strike_fd(call, fd); \
    if (fails(action)) return -1;          \
    AFTER(type, made)

#define WRITING(offset, half, made)                                                  \
    const char *action = strike_fd("write", fd);                                     \
    if (fails(action)) return -1;                                                    \
    pthread_mutex_lock(&lock);                                                       \
    remember(fd, size, offset);                                                      \
    pthread_mutex_unlock(&lock);                                                     \
    if (IS(action, "short") || IS(action, "torn") || IS(action, "torn-kill")) {      \
        ssize_t written = half;                                                      \
        die_if(IS(action, "torn-kill"));                                             \
        return IS(action, "short") ? written : (errno = EIO, -1);                    \
    }                                                                                \
    AFTER(ssize_t, made)

#define SYNCING(made)                            \
    const char *action = strike_fd("sync", fd);  \
    pthread_mutex_lock(&lock);                   \
    forget(fd, IS(action, "lost"));              \
    pthread_mutex_unlock(&lock);                 \
    if (fails(action)) return -1;                \
    AFTER(int, made)

#define MODE                                     \
    va_list rest;                                \
    va_start(rest, flags);                       \
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
    va_end(rest)

int open(const char *path, int flags, ...) { MODE; ON_PATH("open", path, REAL(open)(path, flags, mode)); }
int open64(const char *path, int flags, ...) { MODE; ON_PATH("open", path, REAL(open64)(path, flags, mode)); }
int openat(int at, const char *path, int flags, ...) { MODE; ON_PATH("open", path, REAL(openat)(at, path, flags, mode)); }
int openat64(int at, const char *path, int flags, ...) { MODE; ON_PATH("open", path, REAL(openat64)(at, path, flags, mode)); }
int unlink(const char *path) { ON_PATH("unlink", path, REAL(unlink)(path)); }
int unlinkat(int at, const char *path, int flags) { ON_PATH("unlink", path, REAL(unlinkat)(at, path, flags)); }
int mkdir(const char *path, mode_t mode) { ON_PATH("mkdir", path, REAL(mkdir)(path, mode)); }
int mkdirat(int at, const char *path, mode_t mode) { ON_PATH("mkdir", path, REAL(mkdirat)(at, path, mode)); }

int rename(const char *from, const char *to) {
    char both[2 * PATH_MAX];
    snprintf(both, sizeof both, "%s %s", from, to);
    ON_PATH("rename", both, REAL(rename)(from, to));
}
int renameat(int at, const char *from, int there, const char *to) {
    char both[2 * PATH_MAX];
    snprintf(both, sizeof both, "%s %s", from, to);
    ON_PATH("rename", both, REAL(renameat)(at, from, there, to));
}

ssize_t read(int fd, void *data, size_t size) { ON_FD(ssize_t, "read", REAL(read)(fd, data, size)); }
ssize_t pread64(int fd, void *data, size_t size, off_t at) { ON_FD(ssize_t, "read", REAL(pread64)(fd, data, size, at)); }
ssize_t pread(int fd, void *data, size_t size, off_t at) { ON_FD(ssize_t, "read", REAL(pread)(fd, data, size, at)); }
int ftruncate(int fd, off_t size) { ON_FD(int, "truncate", REAL(ftruncate)(fd, size)); }
int ftruncate64(int fd, off_t size) { ON_FD(int, "truncate", REAL(ftruncate64)(fd, size)); }

ssize_t write(int fd, const void *data, size_t size) {
    WRITING(lseek(fd, 0, SEEK_CUR), REAL(write)(fd, data, HALF(size)), REAL(write)(fd, data, size));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) {
    WRITING(at, REAL(pwrite64)(fd, data, HALF(size), at), REAL(pwrite64)(fd, data, size, at));
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    WRITING(at, REAL(pwrite)(fd, data, HALF(size), at), REAL(pwrite)(fd, data, size, at));
}

int fsync(int fd) { SYNCING(REAL(fsync)(fd)); }
int fdatasync(int fd) { SYNCING(REAL(fdatasync)(fd)); }
