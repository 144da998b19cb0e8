/*
 * What a browser says of the network while it is recorded, and a HAR file that somebody made which
 * it is answered from. Input: messages, one per line; an empty line; the file. What comes out is a
 * HAR file, and all that was asked of the browser is JSON.
 *
 * covers: backend/browser/har_write.c backend/browser/har_entry.c backend/browser/har_replay.c
 * covers: backend/browser/har_redact.c backend/browser/net_log.c backend/browser/net_log_ws.c
 * covers: backend/browser/net_log_entry.c backend/browser/net_log_headers.c
 * seeds: tests/fuzz/seeds/network
 */
#include "backend/browser/console.h"
#include "backend/browser/har.h"
#include "backend/browser/headers.h"
#include "backend/browser/net_log.h"
#include "tests/fuzz/fake_browser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char said_first[] =
    "{\"method\":\"Target.attachedToTarget\",\"params\":{\"sessionId\":\"S1\",\"targetInfo\":"
    "{\"targetId\":\"T1\",\"type\":\"page\"}}}\n"
    "{\"method\":\"Page.frameNavigated\",\"params\":{\"frame\":{\"id\":\"T1\",\"loaderId\":\"L1\","
    "\"url\":\"http://a/\"}},\"sessionId\":\"S1\"}\n";

static int answer(struct fake *f, const char *method, int64_t id)
{
    static const char body[] = "{\"body\":\"eyJ0b2tlbiI6MX0=\",\"base64Encoded\":true}";

    if (!strcmp(method, "Network.getResponseBody"))
        return fake_answer(f, id, body, strlen(body));
    return fake_answer(f, id, "{}", 2);
}

static void set_rules(struct browser *b, const char *file, size_t len)
{
    const struct route_header header = { "X-A", "b" };
    const char *const origin = "http://headers";
    const struct route_spec routes[] = {
        { .pattern = "**/{abort,fail}/*", .abort = true },
        { .pattern = "**/answer*", .status = 201, .body = "{}", .body_len = 2, .times = 2 },
        { .pattern = "/changed", .headers = &header, .header_count = 1 },
    };
    struct har_replay_facts facts;
    struct err err = { 0 };

    for (size_t i = 0; i < COUNT_OF(routes); i++)
        must(!route_add(b, &routes[i], NULL, &err));
    must(!headers_set(b,
                      &(struct headers_spec){ .headers = &header,
                                              .header_count = 1,
                                              .origins = &origin,
                                              .origin_count = 1,
                                              .username = "u",
                                              .password = "p" },
                      NULL, &err));
    if (har_replay(b, &(struct har_replay_options){ .text = file, .len = len }, NULL, &facts, &err))
        must(err.code != ERR_NONE);
    else
        must(facts.without_body <= facts.entries);
}

static void write_har(struct har *har)
{
    struct buf text = BUF_MAX(HAR_TEXT_MAX);
    struct har_facts facts;
    struct err err = { 0 };

    if (har_write(har, true, NULL, &text, &facts, &err)) {
        must(err.code != ERR_NONE);
    } else {
        yyjson_doc *doc = yyjson_read(text.data, text.len, 0);
        yyjson_val *log = yyjson_obj_get(yyjson_doc_get_root(doc), "log");
        must(yyjson_arr_size(yyjson_obj_get(log, "entries")) == facts.entries);
        yyjson_doc_free(doc);
    }
    buf_done(&text);
}

static void look(struct page *page)
{
    struct net_list list = { 0 };
    struct console_list printed = { 0 };
    struct err err = { 0 };

    must(!net_list(page, &list, &err) && list.count <= NET_REQUESTS_MAX);
    for (size_t i = 0; i < list.count && i < 4; i++) {
        struct net_request r = { 0 };
        struct net_body body = { 0 };
        must(!net_get(page, list.requests[i].number, &r, &err));
        must(strlen(r.url) <= NET_URL_MAX && r.message_count <= NET_MESSAGES);
        net_request_done(&r);
        if (net_get_body(page, list.requests[i].number, NULL, &body, &err))
            must(err.code != ERR_NONE);
        net_body_done(&body);
    }
    must(!console_list(page, &printed, &err) && printed.count <= CONSOLE_MAX);
    console_list_done(&printed);
    net_list_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *file = memmem(data, size, "\n\n", 2);
    size_t lines = file ? (size_t)(file - (const char *)data) : size;
    struct page *pages[BROWSER_PAGES_MAX];
    struct fake f = { .answer = answer };
    struct har *har = NULL;
    struct err err = { 0 };

    fake_begin(&f);
    must(!har_start(f.browser, &(struct har_options){ .bodies = HAR_BODIES_ALL }, &har, &err));
    set_rules(f.browser, file ? file + 2 : "", file ? size - lines - 2 : 0);
    fake_say(&f, said_first, strlen(said_first));
    fake_say(&f, data, lines);
    write_har(har);
    size_t n = browser_pages(f.browser, pages);
    for (size_t i = 0; i < n && i < 2; i++)
        look(pages[i]);
    if (size & 1)
        har_free(har);
    browser_free(f.browser);
    if (!(size & 1))
        har_free(har);
    for (size_t i = 0; i < n; i++)
        page_unref(pages[i]);
    return 0;
}
