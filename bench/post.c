/* A backend that emits over HTTP: on several kept connections, one request at a time on each.
 *
 *     post PORT [--count ITEMS] [--items PER_REQUEST] [--connections N] [--rate REQUESTS_PER_SECOND]
 *               [--room NAME | --users N [--first USER] | --questions FILE]
 *               [--body-bytes N] [--key SERVICE_KEY] [--extra JSON_FIELDS] [--channel] [--centrifugo] [--wordless]
 *
 * Without --rate each connection posts again as soon as it is answered. With it, requests fall due at that steady rate
 * whether or not the server keeps up, and latencies count from when they were due.
 *
 * Items go to --room, or in turn to `user:0` … `user:N-1`. One item a request goes to /internal/emit, more to
 * /internal/emit/batch. With --channel the notification itself goes to /pub?id=ROOM, as Nchan wants it.
 * With --centrifugo one goes to /api/publish, several to one room to /api/batch, and several to as many users, which are alike here but
 * for whom they are for, to /api/broadcast.
 *
 * With --wordless an item has its type and data alone: its words are the server's to make.
 *
 * With --questions nothing is emitted: each request is the next line of the file, again from the first after the last, a path to
 * GET, a tab, and the token to ask with.
 *
 * At the end it prints a line of JSON. An item counts as accepted when its own status is 2xx. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "histogram.h"

enum { REQUEST_BYTES = 1 << 20, ANSWER_BYTES = 1 << 20, MOST_CONNECTIONS = 1024, ROOM_BYTES = 128, MOST_BODY_BYTES = 4000 };

struct question {
    const char *path, *token;
};

static struct {
    uint16_t port;
    long count, first;
    int items, connections, users;
    double rate;
    const char *room, *key, *extra;
    char body[MOST_BODY_BYTES + 1];
    bool channel, centrifugo, wordless;
    struct question *questions;
    long question_count;
} options = {
    .count = 1, .items = 1, .connections = 1, .key = "", .extra = "",
    .body = "Order 1234 left our warehouse this morning.",
};

struct connection {
    int fd;
    bool busy;
    int64_t due_micros;
    int items; /* in the request under way */
    size_t request_bytes, sent_bytes, answer_bytes;
    char *request, *answer;
};

static struct connection connections[MOST_CONNECTIONS];
static struct histogram latencies;
static long begun, answered, accepted, refused;
static int epoll;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* --- what is posted --------------------------------------------------------------------------------------------------- */

static void room_of(long number, char *room) {
    if (options.users) snprintf(room, ROOM_BYTES, "user:%ld", (options.first + number) % options.users);
    else snprintf(room, ROOM_BYTES, "%s", options.room);
}

/* An emit's body; what clients get of it has about 300 bytes. */
static int write_item(char *at, size_t bytes, const char *room, int64_t micros) {
    if (options.wordless)
        return snprintf(at, bytes, "{\"to\":\"%s\",\"type\":\"ORDER_UPDATE\",\"data\":{\"t\":%ld}%s}", room, micros, options.extra);
    return snprintf(at, bytes,
        "{\"to\":\"%s\",\"type\":\"ORDER_UPDATE\",\"title\":\"Your order has shipped\","
        "\"body\":\"%s\",\"link\":\"/orders/1234\",\"data\":{\"t\":%ld}%s}",
        room, options.body, micros, options.extra);
}

/* The notification as a client gets it, for a server that adds nothing to what is published. */
static int write_event(char *at, size_t bytes, const char *room, int64_t micros) {
    return snprintf(at, bytes,
        "{\"id\":\"019ab2c4-5d6e-7f80-9123-456789abcdef\",\"room\":\"%s\",\"seq\":null,"
        "\"type\":\"ORDER_UPDATE\",\"title\":\"Your order has shipped\","
        "\"body\":\"%s\",\"link\":\"/orders/1234\",\"data\":{\"t\":%ld},"
        "\"created_at\":\"2026-11-22T08:27:41.123Z\"}",
        room, options.body, micros);
}

/* A user's channel is one that nobody else may subscribe to: what is behind `#` is checked against the token. */
static void channel_of(long number, char *channel) {
    if (options.users) snprintf(channel, ROOM_BYTES, "user:#%ld", (options.first + number) % options.users);
    else snprintf(channel, ROOM_BYTES, "%s", options.room);
}

static size_t write_publish(char *at, size_t bytes, long number, int64_t micros) {
    char room[ROOM_BYTES], channel[ROOM_BYTES];
    room_of(number, room);
    channel_of(number, channel);
    size_t used = (size_t)snprintf(at, bytes, "{\"channel\":\"%s\",\"data\":", channel);
    used += (size_t)write_event(at + used, bytes - used, room, micros);
    at[used++] = '}';
    return used;
}

/* The path and the body of a request to Centrifugo; answers how long the body is. */
static size_t write_centrifugo(char *body, size_t bytes, char *path, size_t path_bytes, long first, int items, int64_t micros) {
    size_t used = 0;
    if (options.items == 1) {
        snprintf(path, path_bytes, "/api/publish");
        return write_publish(body, bytes, first, micros);
    }
    if (options.users) {
        char channel[ROOM_BYTES];
        snprintf(path, path_bytes, "/api/broadcast");
        used = (size_t)snprintf(body, bytes, "{\"channels\":[");
        for (int i = 0; i < items; i++) {
            channel_of(first + i, channel);
            used += (size_t)snprintf(body + used, bytes - used, "%s\"%s\"", i ? "," : "", channel);
        }
        used += (size_t)snprintf(body + used, bytes - used, "],\"data\":");
        used += (size_t)write_event(body + used, bytes - used, "user", micros);
        body[used++] = '}';
        return used;
    }
    snprintf(path, path_bytes, "/api/batch");
    used = (size_t)snprintf(body, bytes, "{\"commands\":[");
    for (int i = 0; i < items; i++) {
        used += (size_t)snprintf(body + used, bytes - used, "%s{\"publish\":", i ? "," : "");
        used += write_publish(body + used, bytes - used, first + i, micros);
        body[used++] = '}';
    }
    return used + (size_t)snprintf(body + used, bytes - used, "]}");
}

static void write_question(struct connection *c, const struct question *question) {
    int bytes = snprintf(c->request, REQUEST_BYTES,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer %s\r\n\r\n",
        question->path, options.port, question->token);
    c->request_bytes = (size_t)bytes;
    c->sent_bytes = 0;
}

static void write_request(struct connection *c, long first, int items, int64_t micros) {
    static char body[REQUEST_BYTES - 1024];
    char room[ROOM_BYTES], path[ROOM_BYTES + 64];
    size_t bytes = 0;
    room_of(first, room);
    if (options.channel) {
        snprintf(path, sizeof path, "/pub?id=%s", room);
        bytes += (size_t)snprintf(body, sizeof body, "42[\"notification\",");
        bytes += (size_t)write_event(body + bytes, sizeof body - bytes, room, micros);
        body[bytes++] = ']';
    } else if (options.centrifugo) {
        bytes = write_centrifugo(body, sizeof body, path, sizeof path, first, items, micros);
    } else if (options.items == 1) {
        snprintf(path, sizeof path, "/internal/emit");
        bytes += (size_t)write_item(body, sizeof body, room, micros);
    } else {
        snprintf(path, sizeof path, "/internal/emit/batch");
        bytes += (size_t)snprintf(body, sizeof body, "{\"notifications\":[");
        for (int i = 0; i < items; i++) {
            room_of(first + i, room);
            if (i) body[bytes++] = ',';
            bytes += (size_t)write_item(body + bytes, sizeof body - bytes, room, micros);
        }
        bytes += (size_t)snprintf(body + bytes, sizeof body - bytes, "]}");
    }
    int head = snprintf(c->request, REQUEST_BYTES,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s%s\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n",
        path, options.port, options.centrifugo ? "X-API-Key: " : "Authorization: Bearer ", options.key, bytes);
    memcpy(c->request + head, body, bytes);
    c->request_bytes = (size_t)head + bytes;
    c->sent_bytes = 0;
}

/* --- a connection's turns --------------------------------------------------------------------------------------------- */

static void push(struct connection *c) {
    ssize_t sent = send(c->fd, c->request + c->sent_bytes, c->request_bytes - c->sent_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent > 0) c->sent_bytes += (size_t)sent;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (c->sent_bytes < c->request_bytes) event.events |= EPOLLOUT;
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event) < 0) fail("epoll_ctl");
}

static void post(struct connection *c, int64_t due_micros) {
    int items = (int)(options.count - begun < options.items ? options.count - begun : options.items);
    if (options.questions) write_question(c, &options.questions[begun % options.question_count]);
    else write_request(c, begun, items, due_micros);
    begun += items;
    c->busy = true;
    c->due_micros = due_micros;
    c->items = items;
    c->answer_bytes = 0;
    push(c);
}

/* The items of a batch that have a status of their own that begins with 2. */
static int accepted_in(const char *body) {
    int found = 0;
    for (const char *at = body; (at = strstr(at, "\"status\":")); found += *at == '2') {
        at += strlen("\"status\":");
        while (*at == ' ') at++;
    }
    return found;
}

/* Whether the body behind the end of the head has come: by its length, or by its last chunk. */
static bool is_whole(const struct connection *c, const char *end) {
    const char *length = strcasestr(c->answer, "\r\ncontent-length:");
    if (length && length < end)
        return c->answer_bytes >= (size_t)(end + 4 - c->answer) + strtoul(length + 17, NULL, 10);
    const char *chunked = strcasestr(c->answer, "\r\ntransfer-encoding: chunked");
    if (!chunked || chunked > end) {
        fprintf(stderr, "an answer without a length:\n%.*s\n", 400, c->answer);
        exit(1);
    }
    return !strcmp(c->answer + c->answer_bytes - 5, "0\r\n\r\n");
}

/* Whether the whole answer is there; if so, it is counted. */
static bool take_answer(struct connection *c) {
    c->answer[c->answer_bytes] = 0;
    char *end = strstr(c->answer, "\r\n\r\n");
    if (!end) return false;
    if (!is_whole(c, end)) return false;
    bool good = !strncmp(c->answer, "HTTP/1.1 2", 10);
    int taken = !good ? 0 : options.items == 1 ? 1 : accepted_in(end);
    /* Centrifugo answers 200, and says of each what was wrong with it. */
    if (options.centrifugo) taken = good && !strstr(end, "\"error\":") ? c->items : 0;
    if (taken < c->items && refused == 0) fprintf(stderr, "not accepted:\n%.*s\n", 800, c->answer);
    accepted += taken;
    refused += c->items - taken;
    answered += c->items;
    histogram_add(&latencies, now_micros() - c->due_micros);
    c->busy = false;
    return true;
}

static void open_connection(struct connection *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) fail("socket");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
    if (!c->request) c->request = malloc(REQUEST_BYTES);
    if (!c->answer) c->answer = malloc(ANSWER_BYTES);
    if (!c->request || !c->answer) fail("malloc");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) fail("epoll_ctl");
}

static void take(struct connection *c) {
    ssize_t got = recv(c->fd, c->answer + c->answer_bytes, ANSWER_BYTES - 1 - c->answer_bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 && c->busy) {
        fprintf(stderr, "the server closed a connection instead of answering\n");
        exit(1);
    }
    if (got <= 0) {
        /* It was idle for too long in the server's eyes. */
        close(c->fd);
        open_connection(c);
        return;
    }
    c->answer_bytes += (size_t)got;
    take_answer(c);
}

/* --- the pace ----------------------------------------------------------------------------------------------------------- */

static struct connection *idle(void) {
    for (int i = 0; i < options.connections; i++) {
        if (!connections[i].busy) return &connections[i];
    }
    return NULL;
}

/* Post what is due and has a connection to go by. */
static void post_due(int64_t began_micros) {
    struct connection *c;
    while (begun < options.count && (c = idle())) {
        int64_t due = now_micros();
        if (options.rate > 0) {
            int64_t planned = began_micros + (int64_t)((double)(begun / options.items) * 1e6 / options.rate);
            if (planned > due) return;
            due = planned;
        }
        post(c, due);
    }
}

static int start_timer(void) {
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer < 0) fail("timerfd_create");
    long nanos = (long)(1e9 / options.rate);
    struct timespec interval = {.tv_sec = nanos / 1000000000, .tv_nsec = nanos % 1000000000};
    struct itimerspec times = {.it_value = interval, .it_interval = interval};
    if (timerfd_settime(timer, 0, &times, NULL) < 0) fail("timerfd_settime");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) < 0) fail("epoll_ctl");
    return timer;
}

static void read_questions(const char *name) {
    FILE *file = fopen(name, "r");
    if (!file) fail(name);
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    while ((bytes = getline(&line, &room, file)) > 0) {
        if (line[bytes - 1] == '\n') line[bytes - 1] = 0;
        char *tab = strchr(line, '\t');
        if (!tab) {
            fprintf(stderr, "%s: a line without a tab\n", name);
            exit(1);
        }
        *tab = 0;
        options.questions = realloc(options.questions, sizeof *options.questions * (size_t)(options.question_count + 1));
        if (!options.questions) fail("realloc");
        options.questions[options.question_count++] = (struct question){.path = strdup(line), .token = strdup(tab + 1)};
    }
    free(line);
    fclose(file);
}

static void read_arguments(int count, char **arguments) {
    if (count < 2) {
        fprintf(stderr, "usage: post PORT [options]\n");
        exit(2);
    }
    options.port = (uint16_t)atoi(arguments[1]);
    for (int i = 2; i < count; i++) {
        const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
        if (!strcmp(name, "--count")) options.count = atol(value);
        if (!strcmp(name, "--items")) options.items = atoi(value);
        if (!strcmp(name, "--connections")) options.connections = atoi(value);
        if (!strcmp(name, "--users")) options.users = atoi(value);
        if (!strcmp(name, "--first")) options.first = atol(value);
        if (!strcmp(name, "--body-bytes")) {
            int bytes = atoi(value) < MOST_BODY_BYTES ? atoi(value) : MOST_BODY_BYTES;
            memset(options.body, 'x', (size_t)bytes);
            options.body[bytes] = 0;
        }
        if (!strcmp(name, "--rate")) options.rate = atof(value);
        if (!strcmp(name, "--room")) options.room = value;
        if (!strcmp(name, "--questions")) read_questions(value);
        if (!strcmp(name, "--key")) options.key = value;
        if (!strcmp(name, "--extra")) options.extra = value;
        if (!strcmp(name, "--channel")) options.channel = true;
        if (!strcmp(name, "--centrifugo")) options.centrifugo = true;
        if (!strcmp(name, "--wordless")) options.wordless = true;
    }
    if ((!options.room && !options.users && !options.questions) || options.connections > MOST_CONNECTIONS) {
        fprintf(stderr, "--room, --users or --questions has to be given, and at most %d connections\n", MOST_CONNECTIONS);
        exit(2);
    }
}

int main(int count, char **arguments) {
    read_arguments(count, arguments);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll_create1");
    for (int i = 0; i < options.connections; i++) open_connection(&connections[i]);
    int timer = options.rate > 0 ? start_timer() : -1;
    int64_t began = now_micros();
    double cpu_before = cpu_seconds();
    struct epoll_event ready[256];
    while (answered < options.count) {
        post_due(began);
        int number = epoll_wait(epoll, ready, 256, -1);
        for (int i = 0; i < number; i++) {
            struct connection *c = ready[i].data.ptr;
            uint64_t expirations;
            if (!c) (void)!read(timer, &expirations, sizeof expirations);
            else if (ready[i].events & EPOLLOUT) push(c);
            else take(c);
        }
    }
    printf("{\"items\":%ld,\"accepted\":%ld,\"refused\":%ld,\"seconds\":%.6f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
           "\"worst_ms\":%.2f,\"cpu_seconds\":%.6f}\n",
        answered, accepted, refused, (double)(now_micros() - began) / 1e6, histogram_at(&latencies, 0.5),
        histogram_at(&latencies, 0.99), (double)latencies.worst_micros / 1000, cpu_seconds() - cpu_before);
    return refused ? 1 : 0;
}
