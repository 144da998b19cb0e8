# The R runner: base R alone, since packages are not to be relied on. python/protocol.py states the
# protocol, the bounds and the limits. All parts are joined into one local() below baseenv(), so
# that no variable of a cell is seen here.
#
# JSON of requests and responses. Strings are unescaped by pattern, not character by character.

MAX_LINE <- 8388608L
MAX_TEXT <- 100000L
MAX_VALUE <- 4000L
MAX_TRACE <- 10000L
MAX_RESULTS <- 200L
MAX_DATA <- 1048576L
MAX_RESULTS_SIZE <- 7340032L

TOKEN <- '"[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+"|[][{}:,]|[^][{}:,"\\s]++'
ESCAPE <- "\\\\(?:u[dD][89abAB]..\\\\u[dD][c-fC-F]..|u....|.)"
SIMPLE <- c('\\"' = '"', "\\\\" = "\\", "\\/" = "/", "\\b" = "\b", "\\f" = "\f", "\\n" = "\n",
            "\\r" = "\r", "\\t" = "\t")
CONTROLS <- setdiff(1:31, c(8:10, 12L, 13L))

unescape_one <- function(text) {
    if (text %in% names(SIMPLE)) return(SIMPLE[[text]])
    if (substr(text, 2L, 2L) != "u") stop("no such escape")
    code <- strtoi(c(substr(text, 3L, 6L), substr(text, 9L, 12L)), 16L)
    if (is.na(code[1L])) stop("no such escape")
    if (nchar(text) == 12L)
        return(intToUtf8(65536L + (code[1L] - 55296L) * 1024L + code[2L] - 56320L))
    if (code[1L] == 0L || (code[1L] >= 55296L && code[1L] < 57344L)) return("\ufffd")
    intToUtf8(code[1L])
}

unescape <- function(text) {
    if (!grepl("\\", text, fixed = TRUE)) return(text)
    at <- gregexpr(ESCAPE, text, perl = TRUE)
    found <- regmatches(text, at)[[1L]]
    known <- unique(found)
    plain <- vapply(known, unescape_one, "", USE.NAMES = FALSE)
    regmatches(text, at) <- list(plain[match(found, known)])
    text
}

# A value out of tokens; objects and arrays become lists, null becomes NULL.
decode <- function(line) {
    tokens <- regmatches(line, gregexpr(TOKEN, line, perl = TRUE))[[1L]]
    at <- 0L
    take <- function() {
        at <<- at + 1L
        if (at > length(tokens)) stop("the line ends early")
        tokens[at]
    }
    string <- function(token) {
        if (substr(token, 1L, 1L) != '"') stop("no string")
        unescape(substr(token, 2L, nchar(token) - 1L))
    }
    object <- function(depth) {
        out <- list()
        token <- take()
        while (token != "}") {
            key <- string(token)
            if (take() != ":") stop("no colon")
            out[key] <- list(value(take(), depth))
            token <- take()
            if (token == ",") token <- take() else if (token != "}") stop("no comma")
        }
        out
    }
    array <- function(depth) {
        out <- list()
        token <- take()
        while (token != "]") {
            out[length(out) + 1L] <- list(value(token, depth))
            token <- take()
            if (token == ",") token <- take() else if (token != "]") stop("no comma")
        }
        out
    }
    value <- function(token, depth) {
        if (depth > 20L) stop("too deep")
        first <- substr(token, 1L, 1L)
        if (first == "{") return(object(depth + 1L))
        if (first == "[") return(array(depth + 1L))
        if (first == '"') return(string(token))
        if (token == "null") return(NULL)
        if (token %in% c("true", "false")) return(token == "true")
        number <- suppressWarnings(as.numeric(token))
        if (is.na(number)) stop("no JSON")
        number
    }
    out <- value(take(), 0L)
    if (at != length(tokens)) stop("more than one value")
    out
}

clean_text <- function(text) {
    out <- iconv(enc2utf8(text), "UTF-8", "UTF-8", sub = "byte")
    if (is.na(out)) "" else out
}

quote_text <- function(text) {
    text <- gsub("\\", "\\\\", clean_text(text), fixed = TRUE)
    text <- gsub('"', '\\"', text, fixed = TRUE)
    for (plain in c("\n", "\r", "\t", "\b", "\f"))
        text <- gsub(plain, names(SIMPLE)[match(plain, SIMPLE)], text, fixed = TRUE)
    if (grepl("[\001-\037]", text))
        for (code in CONTROLS)
            text <- gsub(intToUtf8(code), sprintf("\\u%04x", code), text, fixed = TRUE)
    paste0('"', text, '"')
}

# NULL, strings, logicals, numbers, and lists of them: objects when they have names.
encode <- function(value) {
    if (is.null(value)) return("null")
    if (inherits(value, "json")) return(unclass(value))
    if (is.list(value)) {
        parts <- vapply(value, encode, "")
        if (is.null(names(value))) return(paste0("[", paste(parts, collapse = ","), "]"))
        keys <- vapply(names(value), quote_text, "")
        return(paste0("{", paste(keys, parts, sep = ":", collapse = ","), "}"))
    }
    if (is.character(value)) return(quote_text(value))
    if (is.logical(value)) return(if (value) "true" else "false")
    format(value, scientific = FALSE, digits = 15L)
}

shorten <- function(text, limit) {
    text <- clean_text(text)
    size <- nchar(text)
    if (size <= limit) return(text)
    head <- limit * 2L %/% 5L
    tail <- limit - head - 40L
    note <- sprintf("\n... [%d characters cut] ...\n", size - head - tail)
    paste0(substr(text, 1L, head), note, substr(text, size - tail + 1L, size))
}

ALPHABET <- c(LETTERS, letters, 0:9, "+", "/")

base64 <- function(bytes) {
    pad <- (3L - length(bytes) %% 3L) %% 3L
    three <- matrix(as.integer(c(bytes, raw(pad))), nrow = 3L)
    four <- rbind(three[1L, ] %/% 4L,
                  three[1L, ] %% 4L * 16L + three[2L, ] %/% 16L,
                  three[2L, ] %% 16L * 4L + three[3L, ] %/% 64L,
                  three[3L, ] %% 64L)
    out <- ALPHABET[four + 1L]
    if (pad) out[length(out) + 1L - seq_len(pad)] <- "="
    paste(out, collapse = "")
}
