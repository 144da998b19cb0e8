#include "backend/agent/file_old.h"

#include <unistd.h>

static int operate(struct file_job *job)
{
    static int (*const ops[])(struct file_job *) = {
        [WIRE_FILE_READ] = file_read,     [WIRE_FILE_WRITE] = file_write,
        [WIRE_FILE_LIST] = file_list,     [WIRE_FILE_PUT] = file_put,
        [WIRE_FILE_TAKE] = file_take,     [WIRE_FILE_RESTORE] = file_restore,
        [WIRE_FILE_OLD] = file_old,       [WIRE_FILE_STAT] = file_stat,
        [WIRE_FILE_MOVE] = file_move,     [WIRE_FILE_COPY] = file_copy,
        [WIRE_FILE_REMOVE] = file_remove, [WIRE_FILE_MKDIR] = file_mkdir,
        [WIRE_FILE_CHMOD] = file_chmod,
    };
    uint32_t op = wire_u32(&job->in, TAG_FILE_OP, 0);

    if (op >= sizeof(ops) / sizeof(ops[0]) || !ops[op])
        return file_fail(&job->error, CODE_UNSUPPORTED, "no such file operation");
    if (op != WIRE_FILE_OLD)
        old_forget();
    if ((op < WIRE_FILE_STAT || op > WIRE_FILE_CHMOD) && file_job_path(job))
        return -1;
    return ops[op](job);
}

void file_serve(int channel, int data_fd)
{
    static struct file_job job;

    job.channel = channel;
    job.pipe = data_fd;
    job.started = false;
    while (file_job_next(&job))
        if (operate(&job))
            file_job_fail(&job);
    if (job.pipe >= 0)
        close(job.pipe);
}
