/* Many websocket clients in one thread: connects them, counts what they are sent, and how late it came.
 *
 *     load PORT TARGETS [--parallel=N] [--rate=N] [--addresses=N] [--ready] [--leave] [--centrifugo] [--stalled=N] [--pongs-only=N]
 *
 * TARGETS is a file with a line per client: the request path, a tab, and the token of its Socket.IO CONNECT; then, if it has
 * more to say as it connects, a tab and that as JSON members. With an empty token the client speaks plain websocket and every text
 * frame is an event.
 *
 * --rate=N       N clients a second begin to connect, whether or not those before them have come; otherwise as many at a time as
 *                --parallel says
 * --addresses=N  the clients come from N addresses of the loopback network by turns: one has ports for some 28,000
 * --centrifugo   they speak Centrifugo's protocol, and the third column is the channel that each subscribes to
 * --leave        a client that is connected closes its connection
 * --ready        a client is connected when it has got the event `ready`, not at the answer to CONNECT
 * --stalled=N    the first N clients stop reading when told `stall`
 * --pongs-only=N the next N do too, but go on sending a PONG each second
 *
 * When all are connected or refused, it prints a line of JSON. Then it obeys the words on stdin, one a line, each answered
 * by such a line: `reset` (count from here), `report`, `stall`; at the end of stdin it ends.
 *
 * An event carries `"t":` with the microseconds at which it was emitted (CLOCK_MONOTONIC, one for all processes), and
 * may carry `"seq":`, which has to be the next of the one before. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "histogram.h"

enum { INBOUND_BYTES = 1 << 20, REQUEST_BYTES = 8192, EVENTS_AT_ONCE = 512, PONG_MICROS = 1000000 };

enum state { WAITING, CONNECTING, UPGRADING, OPENING, JOINING, LIVE, GONE };
enum manner { READS, STALLS, PONGS_ONLY };

struct client {
    int fd;
    enum state state;
    enum manner manner;
    const char *path;
    const char *token;
    const char *more; /* members of CONNECT's JSON, or a channel */
    int64_t due_micros; /* when it was to begin */
    uint8_t *held; /* the beginning of a frame whose end has not come */
    size_t held_bytes;
    int64_t last_seq;
};

static struct {
    uint16_t port;
    int parallel;
    double rate;
    int addresses;
    bool wait_for_ready, leave, centrifugo;
    int stalled, pongs_only;
} options = {.parallel = 64};

static struct {
    uint64_t deliveries, bytes, reads, out_of_order, closed;
    int64_t first_micros, last_micros;
    double cpu_before;
} counted;

static struct client *clients;
static int client_count, next_to_connect, in_handshake, live, refused;
static bool announced, stalling;
static int64_t began_micros, connected_micros;
static int epoll;
static struct histogram latencies, connects;
static uint8_t inbound[INBOUND_BYTES];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(struct client *c, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, operation, c->fd, &event) < 0) fail("epoll_ctl");
}

/* --- sending -------------------------------------------------------------------------------------------------------- */

/* A text frame. The mask that clients owe is all zeros: legal, and the payload stays as it is. */
static void send_text(struct client *c, const char *text, size_t bytes) {
    uint8_t frame[REQUEST_BYTES] = {0x81};
    size_t head = 2;
    if (bytes < 126) {
        frame[1] = (uint8_t)(0x80 | bytes);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(bytes >> 8);
        frame[3] = (uint8_t)bytes;
        head = 4;
    }
    head += 4;
    if (head + bytes > sizeof frame) {
        fprintf(stderr, "a token is too long\n");
        exit(1);
    }
    memcpy(frame + head, text, bytes);
    /* A failure needs no answer here: a peer that is gone shows itself by epoll. */
    (void)!send(c->fd, frame, head + bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_upgrade(struct client *c) {
    char request[REQUEST_BYTES];
    int bytes = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmVsbGhvcCBiZW5jaG1yaw==\r\n\r\n",
        c->path, options.port);
    if (send(c->fd, request, (size_t)bytes, MSG_NOSIGNAL) != bytes) fail("send");
}

static void send_connect(struct client *c) {
    char packet[REQUEST_BYTES];
    int bytes = snprintf(packet, sizeof packet, "40{\"token\":\"%s\"%s%s}", c->token, *c->more ? "," : "", c->more);
    send_text(c, packet, (size_t)bytes);
}

/* Both commands in one frame: what is asked second is answered second. */
static void send_subscribe(struct client *c) {
    char commands[REQUEST_BYTES];
    int bytes = snprintf(commands, sizeof commands,
        "{\"id\":1,\"connect\":{\"token\":\"%s\"}}\n{\"id\":2,\"subscribe\":{\"channel\":\"%s\"}}", c->token, c->more);
    send_text(c, commands, (size_t)bytes);
}

/* --- a client's life ------------------------------------------------------------------------------------------------ */

static void begin(struct client *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) fail("socket");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (options.addresses) {
        /* The port is chosen at connect, when it is known that another peer's does not count. */
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        struct sockaddr_in own = {.sin_family = AF_INET};
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)((c - clients) % options.addresses));
        if (bind(c->fd, (struct sockaddr *)&own, sizeof own) < 0) fail("bind");
    }
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) fail("connect");
    c->state = CONNECTING;
    in_handshake++;
    watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

/* Begin those whose turn it is; answers after how many milliseconds to look again, or -1. */
static int begin_more(void) {
    if (next_to_connect == client_count) return -1;
    if (options.rate <= 0) {
        while (in_handshake < options.parallel && next_to_connect < client_count) {
            clients[next_to_connect].due_micros = now_micros();
            begin(&clients[next_to_connect++]);
        }
        return -1;
    }
    while (next_to_connect < client_count) {
        int64_t due = began_micros + (int64_t)(next_to_connect * 1e6 / options.rate);
        if (due > now_micros()) return 1;
        clients[next_to_connect].due_micros = due;
        begin(&clients[next_to_connect++]);
    }
    return -1;
}

static void enter(struct client *c) {
    c->state = LIVE;
    in_handshake--;
    live++;
    connected_micros = now_micros();
    histogram_add(&connects, connected_micros - c->due_micros);
}

static void leave(struct client *c, const char *why, size_t bytes) {
    if (c->state == GONE) return;
    if (c->state == LIVE) {
        live--;
        counted.closed++;
    } else {
        in_handshake--;
        if (refused++ == 0) fprintf(stderr, "refused: %.*s\n", (int)bytes, why);
    }
    c->state = GONE;
    close(c->fd);
    free(c->held);
    c->held = NULL;
}

/* It has come, and goes: not what is counted as closed. */
static void depart(struct client *c) {
    c->state = GONE;
    close(c->fd);
    free(c->held);
    c->held = NULL;
}

/* A key such as `"t":`, and where it was found last: most events are alike to the byte, so it is looked for there first. */
struct key {
    const char *text;
    size_t bytes, offset;
};

/* The number after a key, or -1. */
static int64_t number_after(const char *text, size_t bytes, struct key *key) {
    const char *found = text + key->offset, *end = text + bytes;
    if (key->offset + key->bytes > bytes || memcmp(found, key->text, key->bytes) != 0) {
        found = memmem(text, bytes, key->text, key->bytes);
        if (!found) return -1;
        key->offset = (size_t)(found - text);
    }
    found += key->bytes;
    while (found < end && *found == ' ') found++;
    if (found == end || *found < '0' || *found > '9') return -1;
    int64_t number = 0;
    while (found < end && *found >= '0' && *found <= '9') number = number * 10 + (*found++ - '0');
    return number;
}

static void count_event(struct client *c, const char *text, size_t bytes, int64_t now) {
    static struct key emitted_at = {.text = "\"t\":", .bytes = 4}, sequence = {.text = "\"seq\":", .bytes = 6};
    counted.deliveries++;
    if (!counted.first_micros) counted.first_micros = now;
    counted.last_micros = now;
    int64_t emitted = number_after(text, bytes, &emitted_at);
    if (emitted >= 0) histogram_add(&latencies, now - emitted);
    int64_t seq = number_after(text, bytes, &sequence);
    if (seq >= 0) {
        if (c->last_seq && seq != c->last_seq + 1) counted.out_of_order++;
        c->last_seq = seq;
    }
}

static bool starts(const char *text, size_t bytes, const char *with) {
    size_t length = strlen(with);
    return bytes >= length && memcmp(text, with, length) == 0;
}

static void hear(struct client *c, const char *text, size_t bytes, int64_t now) {
    if (!*c->token || starts(text, bytes, "42[\"notification\"")) {
        count_event(c, text, bytes, now);
    } else if (starts(text, bytes, "2")) {
        send_text(c, "3", 1);
    } else if (c->state == OPENING && starts(text, bytes, "0{")) {
        c->state = JOINING;
        send_connect(c);
    } else if (c->state == JOINING && starts(text, bytes, options.wait_for_ready ? "42[\"ready\"" : "40{")) {
        enter(c);
    } else if (starts(text, bytes, "44")) {
        leave(c, text, bytes);
    }
}

/* One or more answers and pushes, a line each. */
static void hear_centrifugo(struct client *c, const char *text, size_t bytes, int64_t now) {
    for (const char *end = text + bytes; text < end && c->state != GONE;) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t line = (size_t)((line_end ? line_end : end) - text);
        if (starts(text, line, "{\"push\":")) count_event(c, text, line, now);
        else if (line == 2) send_text(c, "{}", 2);
        else if (memmem(text, line, "\"error\":", 8)) leave(c, text, line);
        else if (c->state == JOINING && starts(text, line, "{\"id\":2,")) enter(c);
        text += line + 1;
    }
}

/* Take the whole frames out of what has come; answers how many bytes they were. */
static size_t take_frames(struct client *c, const uint8_t *data, size_t bytes, int64_t now) {
    size_t at = 0;
    while (c->state != GONE && bytes - at >= 2) {
        size_t head = 2, length = data[at + 1] & 0x7f;
        if (length == 126) {
            if (bytes - at < 4) break;
            length = (size_t)data[at + 2] << 8 | data[at + 3];
            head = 4;
        } else if (length == 127) {
            if (bytes - at < 10) break;
            length = 0;
            for (int i = 2; i < 10; i++) length = length << 8 | data[at + i];
            head = 10;
        }
        if (head + length > INBOUND_BYTES / 2) {
            fprintf(stderr, "a frame of %zu bytes is not expected here\n", length);
            exit(1);
        }
        if (bytes - at < head + length) break;
        const char *payload = (const char *)data + at + head;
        switch (data[at] & 0x0f) {
        case 1: (options.centrifugo ? hear_centrifugo : hear)(c, payload, length, now); break;
        case 8: leave(c, payload + 2, length > 2 ? length - 2 : 0); break;
        case 9: {
            uint8_t pong[6] = {0x8a, 0x80};
            send(c->fd, pong, sizeof pong, MSG_NOSIGNAL | MSG_DONTWAIT);
            break;
        }
        default: break;
        }
        at += head + length;
    }
    return at;
}

/* The answer to the upgrade; what follows it in the same read are frames already. */
static size_t take_upgrade(struct client *c, const uint8_t *data, size_t bytes) {
    const uint8_t *end = memmem(data, bytes, "\r\n\r\n", 4);
    if (!end) return 0;
    if (!starts((const char *)data, bytes, "HTTP/1.1 101")) {
        leave(c, (const char *)data, bytes < 300 ? bytes : 300);
        return bytes;
    }
    if (options.centrifugo) {
        c->state = JOINING;
        send_subscribe(c);
    } else if (*c->token) {
        c->state = OPENING;
    } else {
        enter(c);
    }
    return (size_t)(end + 4 - data);
}

static void take(struct client *c) {
    size_t held = c->held_bytes;
    if (held) memcpy(inbound, c->held, held);
    ssize_t got = recv(c->fd, inbound + held, INBOUND_BYTES / 2, 0);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        leave(c, "the connection was closed", 25);
        return;
    }
    int64_t now = now_micros();
    counted.reads++;
    counted.bytes += (uint64_t)got;
    size_t bytes = held + (size_t)got, taken = 0;
    if (c->state == UPGRADING) taken = take_upgrade(c, inbound, bytes);
    if (c->state != UPGRADING && c->state != GONE) taken += take_frames(c, inbound + taken, bytes - taken, now);
    if (c->state == LIVE && options.leave) depart(c);
    if (c->state == GONE) return;
    c->held_bytes = bytes - taken;
    if (c->held_bytes) {
        c->held = realloc(c->held, c->held_bytes);
        if (!c->held) fail("realloc");
        memcpy(c->held, inbound + taken, c->held_bytes);
    }
}

static void serve(struct client *c, uint32_t events) {
    if (c->state == GONE) return;
    if (c->state == CONNECTING && events & EPOLLOUT) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            leave(c, strerror(error), strlen(strerror(error)));
            return;
        }
        c->state = UPGRADING;
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
        send_upgrade(c);
    } else if (stalling && c->manner != READS) {
        /* It waits for no input any more: what is reported is its end. */
        if (events & (EPOLLERR | EPOLLHUP)) leave(c, "", 0);
    } else {
        take(c);
    }
}

/* --- what it is told, and what it tells ------------------------------------------------------------------------------ */

static void reset(void) {
    memset(&counted, 0, sizeof counted);
    histogram_clear(&latencies);
    counted.cpu_before = cpu_seconds();
    for (int i = 0; i < client_count; i++) clients[i].last_seq = 0;
}

static void stall(void) {
    stalling = true;
    for (int i = 0; i < client_count; i++) {
        if (clients[i].manner != READS && clients[i].state == LIVE) watch(&clients[i], EPOLL_CTL_MOD, 0);
    }
}

static void send_pongs(void) {
    for (int i = 0; i < client_count; i++) {
        if (clients[i].manner == PONGS_ONLY && clients[i].state == LIVE) send_text(&clients[i], "3", 1);
    }
}

static void report(void) {
    printf("{\"live\":%d,\"refused\":%d,\"connect_seconds\":%.6f,\"deliveries\":%lu,\"bytes\":%lu,\"reads\":%lu,"
           "\"out_of_order\":%lu,\"closed\":%lu,\"span_seconds\":%.6f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"worst_ms\":%.2f,\"cpu_seconds\":%.6f,"
           "\"connect_p50_ms\":%.2f,\"connect_p99_ms\":%.2f}\n",
        live, refused, (double)(connected_micros - began_micros) / 1e6, counted.deliveries, counted.bytes, counted.reads,
        counted.out_of_order, counted.closed, (double)(counted.last_micros - counted.first_micros) / 1e6,
        histogram_at(&latencies, 0.5), histogram_at(&latencies, 0.99), (double)latencies.worst_micros / 1000, cpu_seconds() - counted.cpu_before,
        histogram_at(&connects, 0.5), histogram_at(&connects, 0.99));
    fflush(stdout);
}

static void obey(void) {
    static char words[4096];
    static size_t held;
    ssize_t got = read(STDIN_FILENO, words + held, sizeof words - held - 1);
    if (got <= 0) exit(0);
    held += (size_t)got;
    words[held] = 0;
    char *line = words, *end;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        if (!strcmp(line, "reset")) reset();
        if (!strcmp(line, "stall")) stall();
        report();
        line = end + 1;
    }
    held -= (size_t)(line - words);
    memmove(words, line, held);
}

static void read_targets(const char *name) {
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
        char *more = strchr(tab + 1, '\t');
        if (more) *more++ = 0;
        clients = realloc(clients, sizeof *clients * (size_t)(client_count + 1));
        if (!clients) fail("realloc");
        clients[client_count++] = (struct client){.fd = -1, .path = strdup(line), .token = strdup(tab + 1), .more = strdup(more ? more : "")};
    }
    free(line);
    fclose(file);
}

static void read_arguments(int count, char **arguments) {
    if (count < 3) {
        fprintf(stderr, "usage: load PORT TARGETS [--parallel=N] [--rate=N] [--addresses=N] [--ready] [--leave] [--centrifugo] [--stalled=N] [--pongs-only=N]\n");
        exit(2);
    }
    options.port = (uint16_t)atoi(arguments[1]);
    read_targets(arguments[2]);
    for (int i = 3; i < count; i++) {
        if (!strcmp(arguments[i], "--ready")) options.wait_for_ready = true;
        if (!strcmp(arguments[i], "--leave")) options.leave = true;
        if (!strcmp(arguments[i], "--centrifugo")) options.centrifugo = true;
        sscanf(arguments[i], "--parallel=%d", &options.parallel);
        sscanf(arguments[i], "--rate=%lf", &options.rate);
        sscanf(arguments[i], "--addresses=%d", &options.addresses);
        sscanf(arguments[i], "--stalled=%d", &options.stalled);
        sscanf(arguments[i], "--pongs-only=%d", &options.pongs_only);
    }
    for (int i = 0; i < client_count; i++) {
        if (i < options.stalled) clients[i].manner = STALLS;
        else if (i < options.stalled + options.pongs_only) clients[i].manner = PONGS_ONLY;
    }
}

int main(int count, char **arguments) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    read_arguments(count, arguments);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll_create1");
    struct epoll_event commands = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &commands) < 0) fail("stdin has to be a pipe");

    began_micros = connected_micros = now_micros();
    int64_t next_pongs = 0;
    struct epoll_event ready[EVENTS_AT_ONCE];
    for (;;) {
        int wait_millis = begin_more();
        if (!announced && live + refused == client_count) {
            announced = true;
            report();
        }
        int number = epoll_wait(epoll, ready, EVENTS_AT_ONCE, stalling ? 100 : wait_millis);
        for (int i = 0; i < number; i++) {
            if (ready[i].data.ptr) serve(ready[i].data.ptr, ready[i].events);
            else obey();
        }
        if (stalling && now_micros() >= next_pongs) {
            next_pongs = now_micros() + PONG_MICROS;
            send_pongs();
        }
    }
}
