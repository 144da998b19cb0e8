/*
 * Closed shadow roots, which no script sees: the library lists elements that may have one, and is
 * given those that the browser knows of. An element is asked about once.
 */
#include "backend/browser/snapshot_refs.h"

#include <stdio.h>
#include <string.h>

#define HOSTS_MAX 32
#define HOST_MS 2000
#define GROUP "hosts"

struct host {
    struct page *page;
    const struct page_frame *frame;
    struct call *call;
    int64_t context;
};

/* 0: it has none. */
static int closed_root(struct host *h, const char *object, int64_t *node, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf params = BUF_MAX(1024);
    struct jw w = JW(&params, err);
    yyjson_val *roots, *root;
    size_t i, n;

    *node = 0;
    jw_obj(&w);
    jw_kstr(&w, "objectId", object);
    jw_kint(&w, "depth", 0);
    jw_kbool(&w, "pierce", true);
    jw_end(&w);
    if (jw_done(&w) || page_call(h->page, h->frame->session, "DOM.describeNode", params.data,
                                 HOST_MS, h->call, &reply, err))
        return -1;
    roots = yyjson_obj_get(yyjson_obj_get(reply.result, "node"), "shadowRoots");
    yyjson_arr_foreach (roots, i, n, root) {
        const char *type = json_str(root, "shadowRootType");
        if (type && !strcmp(type, "closed"))
            *node = json_int(root, "backendNodeId", 0);
    }
    return 0;
}

static int reveal(struct host *h, size_t i, int64_t node, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 }, told = { 0 };
    yyjson_val *ignored;
    const char *root = NULL;
    char params[256];

    snprintf(params, sizeof(params),
             "{\"backendNodeId\":%lld,\"executionContextId\":%lld,\"objectGroup\":\"" GROUP "\"}",
             (long long)node, (long long)h->context);
    if (node && page_call(h->page, h->frame->session, "DOM.resolveNode", params, HOST_MS, h->call,
                          &reply, err))
        return -1;
    if (node)
        root = json_str(yyjson_obj_get(reply.result, "object"), "objectId");
    if (root)
        snprintf(params, sizeof(params), "[{\"value\":%zu},{\"objectId\":\"%.100s\"}]", i, root);
    else
        snprintf(params, sizeof(params), "[{\"value\":%zu}]", i);
    return library_call(h->page, h->frame, "reveal", params, NULL, HOST_MS, h->call, &told,
                        &ignored, err);
}

int library_shadows(struct page *page, const struct page_frame *frame, size_t count,
                    struct call *call, struct err *err)
{
    struct host h = { .page = page, .frame = frame, .call = call };

    if (page_world(page, frame, call, &h.context, err))
        return -1;
    for (size_t i = 0; i < count && i < HOSTS_MAX; i++) {
        AUTO(cdp_reply) struct cdp_reply reply = { 0 };
        yyjson_val *result;
        char args[32];
        int64_t node;
        snprintf(args, sizeof(args), "[{\"value\":%zu}]", i);
        if (library_call(page, frame, "host", args, GROUP, HOST_MS, call, &reply, &result, err))
            return -1;
        const char *object = json_str(result, "objectId");
        if (!object)
            break;
        if (closed_root(&h, object, &node, err) || reveal(&h, i, node, err))
            return -1;
    }
    cdp_tell(page->browser->cdp, frame->session, "Runtime.releaseObjectGroup",
             "{\"objectGroup\":\"" GROUP "\"}");
    return 0;
}
