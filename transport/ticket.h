/*
 * Tickets: what stands in a URL that a browser opens, where no Authorization header can be
 * sent and no token may stand. A ticket is 130 random bits, is good once, for TICKET_MS, for one
 * purpose and one path or one file, and acts for the principal it was made for with the scopes it
 * had then.
 *
 * Only digests are kept, found by their first bytes, so that the time of a look-up tells nothing
 * about tickets. At most TICKETS_PER_PRINCIPAL of one principal, whose oldest makes room, and
 * TICKETS_MAX of all. They do not outlive the process, and other replicas do not know them.
 *
 * Any thread.
 */
#ifndef TRANSPORT_TICKET_H
#define TRANSPORT_TICKET_H

#include "base/handout.h"
#include "base/id.h"
#include "transport/auth.h"

#define TICKET_MS (30 * 1000)
#define TICKETS_MAX 4096
#define TICKETS_PER_PRINCIPAL 64
#define TICKET_PATH_MAX 4096 /* bytes */
#define TICKET_MARK "tkt_"   /* how each begins: what follows it is in no log */

struct tickets;

/* for_ms: how long one is good; 0: TICKET_MS. */
int tickets_new(int64_t for_ms, struct tickets **out, struct err *err) MUST_CHECK;
void tickets_free(struct tickets *t); /* NULL is fine */

/*
 * text gets the ticket, URL-safe. purpose is a constant that lives as long as the tickets; path is
 * copied. ERR_QUOTA: TICKETS_MAX are out; ERR_TOO_LARGE: the path.
 */
int ticket_mint(struct tickets *t, const struct identity *who, const char *purpose,
                const char *path, char text[ID_SIZE], struct err *err) MUST_CHECK;

/*
 * Whom it acts for; from now on it is good for nothing, also when false was the answer because it
 * was shown for something else. `text` is hostile.
 */
bool ticket_redeem(struct tickets *t, const char *text, const char *purpose, const char *path,
                   struct identity *who);

/* The same for a file, of which it holds a reference. */
int ticket_mint_file(struct tickets *t, const struct identity *who, const char *purpose,
                     struct handout *file, char text[ID_SIZE], struct err *err) MUST_CHECK;

/* Whom it acts for, and a reference to the file. use: false leaves the ticket as good as it was. */
bool ticket_file(struct tickets *t, const char *text, const char *purpose, bool use,
                 struct identity *who, struct handout **file);

/* Those that are neither used nor expired. */
size_t tickets_count(struct tickets *t);

#endif
