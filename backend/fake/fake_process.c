#include "backend/fake/fake.h"
#include "base/clock.h"

static int fake_processes(struct sandbox *sb UNUSED, struct call *call UNUSED,
                          const struct processes_request *req, struct processes_result *res,
                          struct err *err)
{
    static const struct process_info all[] = {
        { .pid = 12,
          .state = 'S',
          .user = (char *)"user",
          .command = (char *)"make test",
          .cpu_ms = 120,
          .rss_kb = 2048,
          .process_id = (char *)FAKE_PROCESS_ID },
        { .pid = 13,
          .parent = 12,
          .state = 'R',
          .user = (char *)"user",
          .command = (char *)"cc -c \033[31mmain.c\n",
          .cpu_ms = 3500,
          .rss_kb = 65536,
          .process_id = (char *)FAKE_PROCESS_ID },
        { .pid = 20,
          .state = 'S',
          .user = (char *)"user",
          .command = (char *)"python3",
          .rss_kb = 100 },
    };

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        bool wanted = req->pid ? req->pid == all[i].pid : !req->managed || all[i].process_id;
        if (wanted && processes_add(res, &all[i], err))
            return -1;
        if (wanted)
            res->items[res->count - 1].started_ms = clock_wall_ms() - 5000;
    }
    if (req->pid && !res->count)
        return err_set(err, ERR_NOT_FOUND, "there is no process %u", req->pid);
    if (req->pid)
        res->items[0].parent = 0;
    res->total = res->count;
    return 0;
}

const struct process_ops fake_process_ops = {
    .list = fake_processes,
};
