/*
 * The machine's limit for a command: posix_spawn of a program with its output on a pipe, read to
 * its end and waited for. `spawn [-n N] [-j THREADS] PROGRAM ARGS...` prints "p50 p99 per_second".
 */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS_MAX 100000

extern char **environ;

static double took[CALLS_MAX];
static int calls = 200;
static _Atomic int next;
static char **program;

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void one(void)
{
    posix_spawn_file_actions_t fa;
    char buf[65536];
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC))
        exit(1);
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, fds[1], 1);
    if (posix_spawn(&pid, program[0], &fa, NULL, program, environ))
        exit(1);
    posix_spawn_file_actions_destroy(&fa);
    close(fds[1]);
    while (read(fds[0], buf, sizeof(buf)) > 0)
        ;
    close(fds[0]);
    waitpid(pid, NULL, 0);
}

static void *work(void *arg)
{
    int i;

    while ((i = next++) < calls) {
        double began = now_ms();
        one();
        took[i] = now_ms() - began;
    }
    return arg;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int count = 1, c;
    double began;

    while ((c = getopt(argc, argv, "+n:j:")) != -1)
        *(c == 'n' ? &calls : &count) = atoi(optarg);
    program = argv + optind;
    if (!*program || calls > CALLS_MAX || count > 64)
        return 2;
    began = now_ms();
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    began = now_ms() - began;
    qsort(took, (size_t)calls, sizeof(double), by_size);
    printf("%.3f %.3f %.0f\n", took[calls / 2], took[calls * 99 / 100], calls / began * 1e3);
    return 0;
}
