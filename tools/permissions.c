#include "tools/permissions.h"

#include <stdlib.h>
#include <string.h>

int permissions_parse(const char *text, bool sticky, int *out, struct err *err)
{
    size_t n = text ? strlen(text) : 0;

    *out = -1;
    if (!text)
        return 0;
    if (n >= 3 && n <= 5 && strspn(text, "01234567") == n) {
        long mode = strtol(text, NULL, 8);
        if (mode <= (sticky ? 01777 : 0777)) {
            *out = (int)mode;
            return 0;
        }
        if (mode <= 07777 && mode & 06000) {
            err_set(err, ERR_DENIED, "permissions: no set-uid or set-gid bits in a sandbox");
            return err_next(err, "use e.g. \"0755\"");
        }
    }
    err_set(err, ERR_INVALID, "permissions: \"%s\" is not an octal mode", text);
    return err_next(err,
                    "use e.g. \"0644\" or \"0755\"; set-uid, set-gid and sticky bits are refused");
}
