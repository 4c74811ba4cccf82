/* What a machine gives a program and can take away: the time of day, name lookups, a route, a disk that is quick.

   Preloaded into the daemon (LD_PRELOAD). The file that SURROUNDINGS names is mapped, and says what is so now; see
   surroundings.py. Nothing else is changed: the monotonic clock, above all, stays what it is. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct surroundings {
    int64_t clock_offset_s;
    int32_t lookup; /* 0: as it is, 1: fails, 2: hangs */
    int32_t sync_ms;
    int32_t cut_off; /* there is no route to any address, this machine's own included */
};

enum { LOOKUP_WORKS, LOOKUP_FAILS, LOOKUP_HANGS };

static const volatile struct surroundings *now;

__attribute__((constructor)) static void map(void)
{
    static const struct surroundings none;
    const char *path = getenv("SURROUNDINGS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    now = mapped == MAP_FAILED ? &none : mapped;
    if (file >= 0)
        close(file);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int clock_gettime(clockid_t clock, struct timespec *at)
{
    static __typeof__(&clock_gettime) real;
    if (!real)
        real = (__typeof__(&clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, at);
    if (!result && now && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += now->clock_offset_s;
    return result;
}

time_t time(time_t *where)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (where)
        *where = at.tv_sec;
    return at.tv_sec;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    at->tv_sec = precise.tv_sec;
    at->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found)
{
    REAL(getaddrinfo);
    while (now->lookup == LOOKUP_HANGS)
        usleep(50000);
    return now->lookup == LOOKUP_FAILS ? EAI_AGAIN : real(node, service, hints, found);
}

int connect(int socket, const struct sockaddr *address, socklen_t length)
{
    REAL(connect);
    if (now->cut_off && (address->sa_family == AF_INET || address->sa_family == AF_INET6)) {
        errno = EHOSTUNREACH;
        return -1;
    }
    return real(socket, address, length);
}

int fsync(int file)
{
    REAL(fsync);
    if (now->sync_ms)
        usleep(now->sync_ms * 1000);
    return real(file);
}
