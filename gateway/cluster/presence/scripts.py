"""What presence does in Redis, each step atomic: a change of who is online and its announcement are one.

Keys, all under one hash tag, so that they are in one slot of a cluster; times are microseconds since 1970:

    epoch              names this memory of Redis: gone when Redis has lost it
    beaten             when any node last beat
    settled            before this time nobody is announced `left`: nodes may still have to come back
    restored           before this time nobody is announced `joined`: nodes are putting back what Redis has lost
    nodes              ZSET   node → when its heartbeat ends
    node:<node>        SET    its connections
    connections        HASH   connection → {node, user, name, roles, topics, since}
    users              ZSET   who is online, all with score 0: ordered by name
    user:<user>        ZSET   connection → since
    told               SET    users who were last announced as `joined`
    arriving           SET    users who came before `restored`
    leaving            ZSET   user whose last connection went → when the grace is over
    went               HASH   the same users → when it went
    changes            STREAM what was announced: joined, an entry of `connections`, at, when | left, user, at, when

Nobody is announced as `joined` who is in `told`, nor as `left` who is not: so the two alternate in `changes`.

Every script takes the epoch that the node knows (empty at first) and answers the one in force; when they differ it
does nothing else, so that a node learns that Redis has forgotten before it acts on what it believes.

It has no Python but the joining of texts. `calls` gives the arguments in this order and reads the answers.
The first six are the same for all: now (-1: Redis's own clock), the time that a heartbeat lasts, `settle`,
the epoch known, the one to take if there is none, and the node.

Each node brings its own scripts; what two releases share are the keys. An entry may get further fields, and
may lose none.
"""

_PRELUDE = b"""
local tag, now, ttl, settle = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known, fresh, node = ARGV[4], ARGV[5], ARGV[6]
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local function key(name) return tag .. name end
local function micros(number) return string.format('%.0f', number) end
local function moment(name) return tonumber(redis.call('GET', key(name)) or 0) end
local epoch = redis.call('GET', key('epoch'))
if not epoch then
  epoch = fresh
  redis.call('SET', key('epoch'), epoch)
  -- Somebody knew another one: this is no new cluster, but one that Redis has forgotten.
  if known ~= '' then redis.call('SET', key('restored'), micros(now + settle)) end
end
if known ~= '' and known ~= epoch then return {epoch} end
local function append(kind, what, at)
  redis.call('XADD', key('changes'), 'MAXLEN', '~', 100000, '*', kind, what, 'at', at)
end
local function joined(user, entry, at)
  if redis.call('SADD', key('told'), user) == 1 then append('joined', entry, at) end
end
local function left(user, at)
  if redis.call('SREM', key('told'), user) == 1 then append('left', user, at) end
end
local function gone(connection, node, at, due)
  local text = redis.call('HGET', key('connections'), connection)
  redis.call('SREM', key('node:' .. node), connection)
  if not text then return end
  local entry = cjson.decode(text)
  if entry.node ~= node then return end
  local own = key('user:' .. entry.user)
  redis.call('HDEL', key('connections'), connection)
  redis.call('ZREM', own, connection)
  if redis.call('EXISTS', own) == 0 then
    redis.call('ZREM', key('users'), entry.user)
    redis.call('ZADD', key('leaving'), micros(due), entry.user)
    redis.call('HSET', key('went'), entry.user, micros(at))
  end
end
"""
"""What every script begins with: the clock, the epoch, and the steps that several share."""

ENTER = (
    _PRELUDE
    + b"""
-- ARGV: connection, user, entry, since, at, limit, quiet
local connection, user, entry, limit = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[12])
local own = key('user:' .. user)
redis.call('HSET', key('connections'), connection, entry)
redis.call('SADD', key('node:' .. node), connection)
redis.call('ZADD', own, ARGV[10], connection)
redis.call('ZADD', key('users'), 0, user)
redis.call('ZREM', key('leaving'), user)
redis.call('HDEL', key('went'), user)
-- A node that ends before it has beaten has to be reaped as any other.
redis.call('ZADD', key('nodes'), 'NX', micros(now + ttl), node)
local arriving = 0
if ARGV[13] == '1' then
  -- What Redis has lost was announced before it was: putting it back is no news.
  redis.call('SADD', key('told'), user)
  redis.call('SREM', key('arriving'), user)
  redis.call('SET', key('settled'), micros(now + settle))
  redis.call('SET', key('restored'), micros(now + settle))
elseif now < moment('restored') and redis.call('SISMEMBER', key('told'), user) == 0 then
  redis.call('SADD', key('arriving'), user)
  arriving = 1
else
  joined(user, entry, ARGV[11])
end
local beyond = {}
if limit > 0 then
  local excess = redis.call('ZCARD', own) - limit
  if excess > 0 then
    for _, each in ipairs(redis.call('ZRANGE', own, 0, excess)) do
      if each ~= connection and #beyond < excess then beyond[#beyond + 1] = each end
    end
  end
end
return {epoch, beyond, arriving}
"""
)
"""Puts a connection in. Answers the user's oldest beyond the limit, and whether the user is still to be announced."""

LEAVE = (
    _PRELUDE
    + b"""
-- ARGV: connection, at, grace
local due = now + tonumber(ARGV[9])
gone(ARGV[7], node, tonumber(ARGV[8]), due)
return {epoch, micros(due)}
"""
)
"""Takes a connection out. Answers when the grace is over."""

BEAT = (
    _PRELUDE
    + b"""
-- ARGV: batch, beat, last
local batch, beat, last = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9] == '1'

-- When nobody has beaten for longer than a slow beat takes, Redis was away, and that time is no node's fault: it does not
-- count against their heartbeats. After a while of it everybody gets the time to come back before anybody is announced
-- as left. The beating node cannot know it: this may be a beat that lay in the socket of a Redis that was stopped.
local idle = now - tonumber(redis.call('GET', key('beaten')) or now)
if idle > 2 * beat then
  for _, each in ipairs(redis.call('ZRANGE', key('nodes'), 0, -1)) do
    redis.call('ZINCRBY', key('nodes'), micros(idle - 2 * beat), each)
  end
end
if idle > settle / 2 then redis.call('SET', key('settled'), micros(now + settle)) end
redis.call('SET', key('beaten'), micros(now))
redis.call('ZADD', key('nodes'), micros(now + ttl), node)

-- Whose heartbeat has ended is dead, or as good as: take its connections out.
local more = 0
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', key('nodes'), '-inf', '(' .. micros(now), 'LIMIT', 0, 10)) do
  local at = tonumber(redis.call('ZSCORE', key('nodes'), dead)) - ttl
  for _, connection in ipairs(redis.call('SRANDMEMBER', key('node:' .. dead), batch)) do
    gone(connection, dead, at, now)
  end
  if redis.call('EXISTS', key('node:' .. dead)) == 0 then
    redis.call('ZREM', key('nodes'), dead)
  else
    more = 1
  end
end

-- The last node to go cannot wait for a grace: nobody will be there to announce it.
last = last and redis.call('ZCARD', key('nodes')) == 1
local settled, restored, upto = moment('settled'), moment('restored'), 0
if now >= settled or last then
  local due = redis.call('ZRANGEBYSCORE', key('leaving'), '-inf', last and '+inf' or micros(now), 'LIMIT', 0, batch)
  for _, user in ipairs(due) do
    left(user, redis.call('HGET', key('went'), user))
    redis.call('ZREM', key('leaving'), user)
    redis.call('HDEL', key('went'), user)
  end
  if #due == batch then more = 1 else upto = now end
end
if now >= restored then
  for _, user in ipairs(redis.call('SPOP', key('arriving'), batch)) do
    local newest = redis.call('ZRANGE', key('user:' .. user), -1, -1)[1]
    if newest then joined(user, redis.call('HGET', key('connections'), newest), micros(now)) end
  end
end

-- When there is something to announce next, or -1.
local wait = -1
local due = redis.call('ZRANGE', key('leaving'), 0, 0, 'WITHSCORES')[2]
if due then wait = math.max(0, tonumber(due) - now, settled - now) end
local arriving = redis.call('SMEMBERS', key('arriving'))
if #arriving > 0 then wait = math.min(wait < 0 and math.huge or wait, math.max(0, restored - now)) end
local newest = redis.call('XREVRANGE', key('changes'), '+', '-', 'COUNT', 1)[1]
local held = redis.call('SCARD', key('node:' .. node))
return {epoch, held, micros(wait), more, micros(upto), arriving, newest and newest[1] or '0-0'}
"""
)
"""Renews a node, reaps the dead, announces who left and who came, each within bounds. Answers what `calls.Beaten` has."""

HELD = (
    _PRELUDE
    + b"""
return {epoch, redis.call('SMEMBERS', key('node:' .. node))}
"""
)
"""Answers the connections that Redis has of a node."""

RETIRE = (
    _PRELUDE
    + b"""
-- A node whose connections are out leaves nothing to reap.
if redis.call('EXISTS', key('node:' .. node)) == 0 then redis.call('ZREM', key('nodes'), node) end
return {epoch}
"""
)
"""Forgets a node that has none."""

ROSTER = (
    _PRELUDE
    + b"""
-- ARGV: from, to (as ZRANGEBYLEX takes them), limit
local users = redis.call('ZRANGEBYLEX', key('users'), ARGV[7], ARGV[8], 'LIMIT', 0, tonumber(ARGV[9]))
local page = {}
for _, user in ipairs(users) do
  local connections = redis.call('ZRANGE', key('user:' .. user), 0, -1)
  page[#page + 1] = {
    user,
    #connections,
    redis.call('HGET', key('connections'), connections[1]),
    redis.call('HGET', key('connections'), connections[#connections])
  }
end
return {epoch, redis.call('ZCARD', key('users')), redis.call('HLEN', key('connections')), page}
"""
)
"""Answers the counts, and for each user of a page how many connections there are, with the oldest and the newest."""
