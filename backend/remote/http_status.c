#include "backend/remote/http.h"

void http_response_done(struct http_response *r)
{
    buf_done(&r->body);
    *r = (struct http_response){ 0 };
}

enum err_code http_code(int status)
{
    static const struct {
        int status;
        enum err_code code;
    } known[] = {
        { 401, ERR_UNAUTHORIZED }, { 403, ERR_UNAUTHORIZED }, { 404, ERR_NOT_FOUND },
        { 408, ERR_UNAVAILABLE },  { 409, ERR_CONFLICT },     { 410, ERR_GONE },
        { 413, ERR_TOO_LARGE },    { 422, ERR_INVALID },      { 429, ERR_RATE_LIMITED },
        { 501, ERR_UNSUPPORTED },  { 507, ERR_QUOTA },
    };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].status == status)
            return known[i].code;
    return status / 100 == 5 ? ERR_UNAVAILABLE : status / 100 == 4 ? ERR_INVALID : ERR_PROTOCOL;
}
