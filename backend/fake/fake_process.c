#include "backend/fake/fake.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

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

/* A pattern is found when it is "done"; ports below 1024 listen; all URLs but those with a 5 are
 * answered. */
static int fake_wait(struct sandbox *sb UNUSED, struct call *call UNUSED,
                     const struct wait_request *req, struct wait_result *res, struct err *err)
{
    res->matched = req->pattern ? !strcmp(req->pattern, "done")
                   : req->port  ? req->port < 1024
                   : req->url   ? !strchr(req->url, '5')
                                : true;
    res->end = req->pattern ? WAIT_END_PATTERN
               : req->port  ? WAIT_END_PORT
               : req->url   ? WAIT_END_URL
                            : WAIT_END_EXIT;
    if (req->url)
        res->http_status = res->matched ? 200 : 503;
    if (!res->matched)
        res->end = WAIT_END_TIMEOUT;
    if (!req->process_id)
        return 0;
    if (strcmp(req->process_id, FAKE_PROCESS_ID) != 0)
        return err_set(err, ERR_NOT_FOUND, "no process %s in this sandbox", req->process_id);
    res->process = true;
    res->line = strdup("\033[1mdone\033[0m");
    if (req->pattern)
        snprintf(res->cursor, sizeof(res->cursor), "5-0");
    return res->line ? 0 : err_oom(err);
}

static int fake_history(struct sandbox *sb UNUSED, struct call *call UNUSED,
                        const struct history_request *req, struct history_result *res,
                        struct err *err)
{
    const struct execution e = { .id = FAKE_PROCESS_ID,
                                 .tool = (char *)"terminal_execute",
                                 .command = (char *)"echo done\necho more",
                                 .exit_code = 2,
                                 .started_ms = 1700000000000 + req->since_ms,
                                 .duration_ms = 1200,
                                 .out = 3100 };

    if (req->execution_id && strcmp(req->execution_id, e.id) != 0)
        return err_set(err, ERR_NOT_FOUND, "no execution %s", req->execution_id);
    if (req->limit == 1)
        memcpy(res->next_cursor, e.id, sizeof(res->next_cursor));
    if (history_add(res, &e, err) || !req->execution_id)
        return res->count ? 0 : -1;
    buf_init(&res->text.text, 100);
    res->text.hole = 5;
    res->text.omitted = 3090;
    res->text.omitted_lines = 2;
    res->readable = true;
    return buf_adds(&res->text.text, "done\nmore\n", err);
}

const struct process_ops fake_process_ops = {
    .history = fake_history,
    .wait = fake_wait,
    .list = fake_processes,
};
