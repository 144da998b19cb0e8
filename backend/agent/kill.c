#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/payload.h"
#include "backend/agent/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static uint8_t bytes[WIRE_MAX];

/* pid 1 and its children are ours (supervisors, and this process). */
static bool ours(pid_t pid)
{
    char path[40], text[256];
    const char *end;
    ssize_t n;
    int fd, parent = 0;

    if (pid == getppid() || pid == getpid())
        return true;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    end = strrchr(text, ')');
    return end && sscanf(end, ") %*c %d", &parent) == 1 && parent == getppid();
}

void kill_serve(int channel)
{
    static struct wire_out w;
    struct wire_in in;
    pid_t pid;
    int signal;

    if (!request_start(channel, &in, bytes))
        return;
    pid = (pid_t)wire_u32(&in, TAG_PID, 0);
    signal = (int)wire_u32(&in, TAG_SIGNAL, 0);
    if (pid <= 0 || signal <= 0 || signal >= NSIG) {
        channel_error(channel, CODE_INVALID, NULL, "no such pid or signal");
    } else if (ours(pid)) {
        channel_error(channel, CODE_DENIED, "signal the processes of commands instead",
                      "process %d belongs to the sandbox itself", (int)pid);
    } else if (kill(pid, 0) && errno == ESRCH) {
        channel_error(channel, CODE_NOT_FOUND, NULL, "there is no process %d", (int)pid);
    } else {
        (void)tree_signal(pid, signal);
        (void)kill(pid, signal);
        wire_begin(&w, WIRE_REPLY, 0);
        wire_put_u32(&w, TAG_PID, (uint32_t)pid);
        (void)channel_send(channel, &w, NULL, 0);
    }
}
