# What a cell shows: display(), and the pages of the graphics device the runner offers.

shown <- new.env(parent = emptyenv())

begin_results <- function() {
    shown$items <- list()
    shown$room <- MAX_RESULTS_SIZE
    shown$dropped <- 0L
}

is_binary <- function(mime) {
    (startsWith(mime, "image/") && mime != "image/svg+xml") || mime == "application/pdf"
}

add_result <- function(mime, data) {
    if (length(shown$items) >= MAX_RESULTS || shown$room < 4096L) {
        shown$dropped <- shown$dropped + 1L
        return(invisible())
    }
    binary <- is_binary(mime)
    cut <- FALSE
    if (binary) {
        if (is.raw(data)) {
            cut <- length(data) / 3 * 4 > shown$room - 4096L
            data <- if (cut) "" else base64(data)
        }
    } else {
        if (is.raw(data)) data <- rawToChar(data[data != 0L])
        data <- clean_text(paste(as.character(data), collapse = "\n"))
        cut <- nchar(data, "bytes") > MAX_DATA
        if (cut) data <- clean_text(substr(data, 1L, MAX_DATA %/% 4L))
    }
    item <- list(mime = substr(mime, 1L, 100L), data = data)
    if (cut) item$truncated <- TRUE
    line <- encode(item)
    if (nchar(line, "bytes") > shown$room)
        line <- encode(list(mime = item$mime, data = "", truncated = TRUE))
    shown$room <- shown$room - nchar(line, "bytes")
    shown$items[[length(shown$items) + 1L]] <- structure(line, class = "json")
}

print_text <- function(value) {
    text <- utils::capture.output(if (isS4(value)) methods::show(value) else print(value))
    paste(text, collapse = "\n")
}

display <- function(value, mime = "text/plain") {
    if (mime == "text/plain" && !is.character(value)) value <- print_text(value)
    add_result(mime, value)
    invisible()
}

# Pages

pages <- tempfile("plots")

open_device <- function(...) {
    dir.create(pages, FALSE, TRUE)
    shown$page_set <- shown$page_set + 1L
    grDevices::png(file.path(pages, sprintf("%04d-%%03d.png", shown$page_set)),
                   width = 960L, height = 640L, res = 110L)
    shown$device <- grDevices::dev.cur()
}

is_ours <- function(number) {
    name <- names(grDevices::dev.list())[match(number, grDevices::dev.list())]
    !is.na(name) && tolower(name) == "png"
}

collect_pages <- function() {
    device <- shown$device
    shown$device <- NULL
    if (!is.null(device) && is_ours(device)) grDevices::dev.off(device)
    if (!dir.exists(pages)) return(invisible())
    for (file in sort(list.files(pages, full.names = TRUE))) {
        size <- file.size(file)
        bytes <- readBin(file, "raw", min(size, MAX_RESULTS_SIZE))
        unlink(file)
        if (length(bytes)) add_result("image/png", bytes)
    }
}
