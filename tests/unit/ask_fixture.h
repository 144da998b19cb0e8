/*
 * Tools that ask, on top of router_fixture.h: its tool `echo` asks what its `text` says, before it
 * runs. Answers are added to its result, one text block each.
 *
 *   name     one form, key user_name        two    a form and roots at once
 *   steps    a form, then another           once   a form whose answer counts once
 *   url, sampling, roots                    state  says "1" to its next round
 *   refuse   -32021 with a capability       many   eight forms
 *   log      messages of three levels       flood  two thousand
 */
#ifndef TESTS_UNIT_ASK_FIXTURE_H
#define TESTS_UNIT_ASK_FIXTURE_H

#define ask send_and_await /* of the fixture, which has the name of the function under test */
#include "tests/unit/router_fixture.h"
#undef ask

#include "mcp/ask.h"

#define NAME_FORM                                                                    \
    "{\"message\":\"Who?\",\"requestedSchema\":{\"type\":\"object\",\"properties\":" \
    "{\"name\":{\"type\":\"string\",\"maxLength\":10}},\"required\":[\"name\"]}}"
#define URL_PARAMS "{\"mode\":\"url\",\"url\":\"https://a.example/x\",\"message\":\"Go there\"}"
#define SAMPLING_PARAMS                                                                    \
    "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"Hi\"}}]," \
    "\"maxTokens\":10}"

static const struct {
    const char *text;
    size_t count;
    struct ask asks[8];
} scripts[] = {
    { "name", 1, { { "user_name", ASK_FORM, NAME_FORM, false } } },
    { "two", 2, { { "a", ASK_FORM, NAME_FORM, false }, { "b", ASK_ROOTS, "{}", false } } },
    { "once", 1, { { "go", ASK_FORM, NAME_FORM, true } } },
    { "url", 1, { { "u", ASK_URL, URL_PARAMS, false } } },
    { "sampling", 1, { { "s", ASK_SAMPLING, SAMPLING_PARAMS, false } } },
    { "roots", 1, { { "r", ASK_ROOTS, NULL, false } } },
    { "many",
      8,
      { { "q1", ASK_FORM, NAME_FORM, false },
        { "q2", ASK_FORM, NAME_FORM, false },
        { "q3", ASK_FORM, NAME_FORM, false },
        { "q4", ASK_FORM, NAME_FORM, false },
        { "q5", ASK_FORM, NAME_FORM, false },
        { "q6", ASK_FORM, NAME_FORM, false },
        { "q7", ASK_FORM, NAME_FORM, false },
        { "q8", ASK_FORM, NAME_FORM, false } } },
};

static int64_t fixture_deadline_ms; /* of the last call that was answered */

static int tell(struct tool_call *call, yyjson_val *answer, struct err *err)
{
    AUTO_FREE char *text = yyjson_val_write(answer, 0, NULL);

    return tool_text(call, text, strlen(text), err);
}

static int ask_steps(struct tool_call *call, struct err *err)
{
    static const struct ask first = { "step1", ASK_FORM, NAME_FORM, false };
    static const struct ask second = { "step2", ASK_FORM, NAME_FORM, false };
    yyjson_val *one, *two;

    if (ask(call, &first, 1, &one, err) || ask(call, &second, 1, &two, err))
        return -1;
    return tell(call, one, err) || tell(call, two, err) ? -1 : 0;
}

static int ask_with_state(struct tool_call *call, struct err *err)
{
    yyjson_val *answer;

    if (tool_textf(call, err, "state=%s", ask_state(call)) || ask_set_state(call, "1", err))
        return -1;
    return ask(call, scripts[0].asks, 1, &answer, err);
}

static int log_some(struct tool_call *call, int n)
{
    for (int i = 0; i < n; i++) {
        tool_log(call, TOOL_LOG_DEBUG, NULL, "a detail \"%d\"", i);
        tool_log(call, TOOL_LOG_INFO, "fixture", "info %d", i);
        tool_log(call, TOOL_LOG_ERROR, "fixture", "error %d", i);
    }
    return 0;
}

static int fixture_before(struct tool_call *call, const void *args, struct err *err)
{
    const char *text = ((const struct echo_args *)args)->text;
    yyjson_val *answers[ASK_MAX] = { 0 };

    if (!text)
        return 0;
    if (!strcmp(text, "steps"))
        return ask_steps(call, err);
    if (!strcmp(text, "state"))
        return ask_with_state(call, err);
    if (!strcmp(text, "log") || !strcmp(text, "flood"))
        return log_some(call, *text == 'l' ? 1 : 2000);
    if (!strcmp(text, "refuse"))
        return ask_refuse(call, -32021, "{\"requiredCapabilities\":{\"sampling\":{}}}", err,
                          "no %s", "sampling");
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        if (strcmp(text, scripts[i].text))
            continue;
        if (ask(call, scripts[i].asks, scripts[i].count, answers, err))
            return -1;
        fixture_deadline_ms = call->call->deadline_ms;
        for (size_t k = 0; k < scripts[i].count; k++)
            if (tell(call, answers[k], err))
                return -1;
    }
    return 0;
}

__attribute__((unused)) static struct sealed_key fixture_key;

__attribute__((unused)) static struct server *asking_server(void)
{
    struct server_config config = fixture_config;
    struct server *srv = NULL;
    struct err err = { 0 };

    config.max_calls = 16;
    config.before = fixture_before;
    config.logging = true;
    config.key = &fixture_key;
    if (server_new(&config, &srv, &err))
        FAIL("%s", err.msg);
    return srv;
}

/* The n-th notification, from 1 on; fails when it does not come within 20 s. */
__attribute__((unused)) static const char *note_await(struct kept *k, int n)
{
    for (int i = 0; i < 2000; i++) {
        int have;
        pthread_mutex_lock(&k->lock);
        have = k->note_count;
        pthread_mutex_unlock(&k->lock);
        if (have >= n)
            return k->notes[n - 1];
        (void)poll(NULL, 0, 10);
    }
    FAIL("there is no notification %d", n);
}

#endif
