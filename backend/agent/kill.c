#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/nursery.h"
#include "backend/agent/request.h"
#include "backend/agent/tree.h"

#include <signal.h>
#include <unistd.h>

static uint8_t bytes[WIRE_MAX];

static const struct frame_field fields[] = {
    { TAG_PID, FIELD_U32 },
    { TAG_SIGNAL, FIELD_U32 },
};

enum whose { NOBODYS, OURS, A_BROWSERS, A_COMMANDS };

static bool is_nursery(const struct process *p)
{
    return p->pid == nursery_pid();
}

/* pid 1 and its children are ours: supervisors, the browser's parent, and this process. */
static enum whose whose(pid_t pid, struct process *out)
{
    pid_t root = getppid();
    const struct process *list;
    size_t count;

    if (pid == root)
        return OURS;
    list = tree_below(root, is_nursery, &count);
    for (size_t i = 0; i < count; i++)
        if (list[i].pid == pid) {
            *out = list[i];
            return list[i].parent == root ? OURS : A_COMMANDS;
        }
    if (pid == nursery_pid())
        return OURS;
    return nursery_pid() && tree_has(nursery_pid(), pid) ? A_BROWSERS : NOBODYS;
}

static void signal_tree(const struct process *top, int signal)
{
    size_t count;
    const struct process *list = tree_below(top->pid, NULL, &count);

    tree_kill(top, signal);
    for (size_t i = 0; i < count; i++)
        tree_kill(&list[i], signal);
}

void kill_serve(int channel)
{
    static struct wire_out w;
    struct wire_in in;
    uint32_t pid, signal;
    struct process top;

    if (!request_start(channel, &in, bytes))
        return;
    pid = wire_u32(&in, TAG_PID, 0);
    signal = wire_u32(&in, TAG_SIGNAL, 0);
    if (!channel_shape(&in, fields, 2) || !pid || pid > INT32_MAX || !signal || signal >= NSIG) {
        channel_error(channel, CODE_INVALID, NULL, "no such pid or signal");
        return;
    }
    switch (whose((pid_t)pid, &top)) {
    case NOBODYS:
        channel_error(channel, CODE_NOT_FOUND, NULL, "there is no process %u", pid);
        break;
    case OURS:
        channel_error(channel, CODE_DENIED, "signal the processes of commands instead",
                      "process %u belongs to the sandbox itself", pid);
        break;
    case A_BROWSERS:
        channel_error(channel, CODE_DENIED, "end it with browser_close",
                      "process %u belongs to the browser", pid);
        break;
    case A_COMMANDS:
        signal_tree(&top, (int)signal);
        wire_begin(&w, WIRE_REPLY, 0);
        wire_put_u32(&w, TAG_PID, pid);
        (void)channel_send(channel, &w, NULL, 0);
    }
}
