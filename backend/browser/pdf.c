#include "backend/browser/pdf.h"
#include "backend/browser/page_stream.h"

#include <string.h>

#define PRINT_MS 40000

static int check_ranges(const char *ranges, struct err *err)
{
    if (!ranges ||
        (strlen(ranges) <= PDF_RANGES_MAX && strspn(ranges, "0123456789-, ") == strlen(ranges)))
        return 0;
    err_set(err, ERR_INVALID, "pages: \"%.60s\" is no list of page ranges", ranges);
    return err_next(err, "pass e.g. \"1-3, 5\"");
}

static int print(struct page *page, const struct pdf_how *how, struct call *call,
                 struct cdp_reply *reply, const char **stream, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(1024);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kstr(&w, "transferMode", "ReturnAsStream");
    jw_kbool(&w, "landscape", how->landscape);
    jw_kbool(&w, "printBackground", true);
    jw_kbool(&w, "preferCSSPageSize", true);
    if (how->ranges)
        jw_kstr(&w, "pageRanges", how->ranges);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    if (page_call(page, NULL, "Page.printToPDF", params.data, PRINT_MS, call, reply, err)) {
        if (!how->ranges || !err || err->code != ERR_INVALID)
            return -1;
        err_set(err, ERR_INVALID, "pages: it has no pages %.60s", how->ranges);
        return err_next(err, "leave pages out to print all of them");
    }
    *stream = json_str(reply->result, "stream");
    return *stream ? 0 : err_set(err, ERR_PROTOCOL, "the browser printed to nowhere");
}

int page_pdf(struct page *page, const struct pdf_how *how, struct call *call,
             int (*take)(void *context, const char *data, size_t len, struct err *err),
             void *context, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    const char *stream;
    size_t total;

    if (check_ranges(how->ranges, err))
        return -1;
    if (print(page, how, call, &reply, &stream, err))
        return err_wrap(err, "print");
    if (page_stream_read(page, stream, PDF_MAX, call, take, context, &total, err)) {
        if (err && err->code == ERR_TOO_LARGE)
            err_next(err, "print a part of it with pages");
        return -1;
    }
    return total ? 0 : err_set(err, ERR_PROTOCOL, "the browser printed nothing");
}
