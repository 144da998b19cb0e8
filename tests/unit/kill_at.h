/*
 * A child that is killed at each of its system calls, one after the other.
 */
#ifndef TESTS_UNIT_KILL_AT_H
#define TESTS_UNIT_KILL_AT_H

#include "tests/unit/check.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Kill it at its n-th stop at a system call; false when it ended before. */
static bool killed_at(unsigned n, void (*what)(const char *name), const char *name)
{
    int status;
    pid_t pid = fork();

    if (!pid) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        what(name);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    for (unsigned i = 0; i < n; i++) {
        CHECK(!ptrace(PTRACE_SYSCALL, pid, NULL, NULL));
        CHECK(waitpid(pid, &status, 0) == pid);
        if (WIFEXITED(status)) {
            CHECK_INT(WEXITSTATUS(status), 0);
            return false;
        }
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return true;
}

#endif
