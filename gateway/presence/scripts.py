"""What presence does in Redis, each step atomic: a change of who is online and the claim to announce it are one.

Keys, all under one hash tag, so that they are in one slot of a cluster; times are microseconds since 1970:

    epoch              names this memory of Redis: gone when Redis has lost it
    settled            before this time nobody is announced `left`: nodes are still putting back what Redis lost
    beaten             when any node last beat
    nodes              ZSET   node → when its heartbeat ends
    node:<node>        SET    its connections
    connections        HASH   connection → {node, user, name, roles, topics, since}
    users              ZSET   who is online, all with score 0: ordered by name
    user:<user>        ZSET   connection → since
    announced          HASH   user whose `joined` was announced, or is being → the entry that did
    leaving            ZSET   user whose last connection went → when the grace is over
    went               HASH   the same users → when it went
    claims:<node>      HASH   user → when it went: `left` that this node must announce, and has not said it did

Every script takes the epoch that the node knows (empty at first) and answers the one in force; when they differ it
does nothing else, so that a node learns that Redis has forgotten before it acts on what it believes.
"""

_PRELUDE = """
local tag, now, ttl, settle = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known, fresh, node = ARGV[4], ARGV[5], ARGV[6]
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local function key(name) return tag .. name end
local function micros(number) return string.format('%.0f', number) end
local epoch = redis.call('GET', key('epoch'))
if not epoch then
  epoch = fresh
  redis.call('SET', key('epoch'), epoch)
end
if known ~= '' and known ~= epoch then return {epoch} end
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

ENTER = (
    _PRELUDE
    + """
-- ARGV: connection, user, entry, since, limit, token, quiet
local connection, user, limit, token = ARGV[7], ARGV[8], tonumber(ARGV[11]), ARGV[12]
local own = key('user:' .. user)
redis.call('HSET', key('connections'), connection, ARGV[9])
redis.call('SADD', key('node:' .. node), connection)
redis.call('ZADD', own, ARGV[10], connection)
redis.call('ZADD', key('users'), 0, user)
redis.call('ZREM', key('leaving'), user)
redis.call('HDEL', key('went'), user)
if ARGV[13] == '1' then
  -- What Redis has lost was announced before it was: putting it back is no news.
  redis.call('HSETNX', key('announced'), user, '')
  redis.call('SET', key('settled'), micros(now + settle))
end
redis.call('HSETNX', key('announced'), user, token)
local joined = redis.call('HGET', key('announced'), user) == token and 1 or 0
local beyond = {}
if limit > 0 then
  local excess = redis.call('ZCARD', own) - limit
  if excess > 0 then
    for _, each in ipairs(redis.call('ZRANGE', own, 0, excess)) do
      if each ~= connection and #beyond < excess then beyond[#beyond + 1] = each end
    end
  end
end
return {epoch, joined, beyond}
"""
)

LEAVE = (
    _PRELUDE
    + """
-- ARGV: connection, at, grace
gone(ARGV[7], node, tonumber(ARGV[8]), now + tonumber(ARGV[9]))
return {epoch}
"""
)

BEAT = (
    _PRELUDE
    + """
-- ARGV: batch, last, users whose `left` this node has announced …
local batch, last = tonumber(ARGV[7]), ARGV[8] == '1'
local claims = key('claims:' .. node)
for each = 9, #ARGV do redis.call('HDEL', claims, ARGV[each]) end

-- When nobody has beaten for a while, Redis was away, and whose heartbeat has ended meanwhile need not be dead.
-- Everybody gets the time to come back before anybody is reaped or announced. The beating node cannot know it: this
-- may be a beat that lay in the socket of a Redis that was stopped.
local beaten = tonumber(redis.call('GET', key('beaten')) or now)
if now - beaten > settle / 2 then
  for _, each in ipairs(redis.call('ZRANGE', key('nodes'), 0, -1)) do
    redis.call('ZADD', key('nodes'), micros(now + settle), each)
  end
  redis.call('SET', key('settled'), micros(now + settle))
end
redis.call('SET', key('beaten'), micros(now))
redis.call('ZADD', key('nodes'), micros(now + ttl), node)

-- Whose heartbeat has ended is dead, or as good as: take its connections out, and take over what it had to announce.
local more = 0
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', key('nodes'), '-inf', '(' .. micros(now), 'LIMIT', 0, 10)) do
  local at = tonumber(redis.call('ZSCORE', key('nodes'), dead)) - ttl
  for _, connection in ipairs(redis.call('SRANDMEMBER', key('node:' .. dead), batch)) do
    gone(connection, dead, at, now)
  end
  local owed = redis.call('HGETALL', key('claims:' .. dead))
  for each = 1, #owed, 2 do redis.call('HSET', claims, owed[each], owed[each + 1]) end
  redis.call('DEL', key('claims:' .. dead))
  if redis.call('EXISTS', key('node:' .. dead)) == 0 then
    redis.call('ZREM', key('nodes'), dead)
  else
    more = 1
  end
end

-- The last node to go cannot wait for a grace: nobody will be there to announce it.
last = last and redis.call('ZCARD', key('nodes')) == 1
local settled = tonumber(redis.call('GET', key('settled')) or 0)
if now >= settled or last then
  local due = redis.call('ZRANGEBYSCORE', key('leaving'), '-inf', last and '+inf' or micros(now), 'LIMIT', 0, batch)
  for _, user in ipairs(due) do
    redis.call('ZREM', key('leaving'), user)
    redis.call('HDEL', key('announced'), user)
    redis.call('HSET', claims, user, redis.call('HGET', key('went'), user))
    redis.call('HDEL', key('went'), user)
  end
  if #due == batch then more = 1 end
end

-- A claim whose answer was lost is answered again; by then the user may be back.
local owed, claimed = {}, redis.call('HGETALL', claims)
for each = 1, #claimed, 2 do
  owed[#owed + 1] = {claimed[each], claimed[each + 1], redis.call('EXISTS', key('user:' .. claimed[each]))}
end
local due = redis.call('ZRANGE', key('leaving'), 0, 0, 'WITHSCORES')[2]
local wait = due and micros(math.max(0, tonumber(due) - now, settled - now)) or '-1'
return {epoch, redis.call('SCARD', key('node:' .. node)), owed, wait, more}
"""
)

HELD = (
    _PRELUDE
    + """
return {epoch, redis.call('SMEMBERS', key('node:' .. node))}
"""
)

RETIRE = (
    _PRELUDE
    + """
-- A node whose connections are out and whose claims are announced leaves nothing to reap.
if redis.call('EXISTS', key('node:' .. node), key('claims:' .. node)) == 0 then
  redis.call('ZREM', key('nodes'), node)
end
return {epoch}
"""
)

ROSTER = (
    _PRELUDE
    + """
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
