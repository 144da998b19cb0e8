#include "base/clock.h"
#include "mcp/asking.h"
#include "mcp/tasks.h"

static void change(struct tasks *ts, struct task *t, struct ask_round *round)
{
    pthread_mutex_lock(&ts->lock);
    t->round = round;
    t->r.status = round ? TASK_INPUT : TASK_WORKING;
    t->r.updated_ms = clock_wall_ms();
    pthread_mutex_unlock(&ts->lock);
    tasks_announce(ts, t);
}

int task_ask(struct server_call *c, struct ask_round *round, struct err *err)
{
    struct tasks *ts = c->conn->srv->tasks;
    struct task *t = c->task;
    int r;

    change(ts, t, round);
    r = ask_round_wait(round, &c->call, 0, err);
    change(ts, t, NULL);
    return r;
}

bool task_answer(struct task *t, yyjson_val *responses)
{
    yyjson_val *key, *response;
    size_t i, n;
    bool took = false;

    if (!t->round)
        return false;
    yyjson_obj_foreach (responses, i, n, key, response)
        took |= ask_round_answer(t->round, yyjson_get_str(key), yyjson_get_len(key), response) ==
                ASK_TAKEN;
    if (!took)
        return false;
    t->r.updated_ms = clock_wall_ms();
    if (!ask_round_left(t->round))
        t->r.status = TASK_WORKING;
    return true;
}

int task_add_questions(struct buf *out, struct task *t, struct err *err)
{
    struct jw w = JW(out, err);

    if (t->round) {
        ask_round_write(t->round, &w);
        return jw_done(&w);
    }
    jw_obj(&w);
    jw_end(&w);
    return jw_done(&w);
}
