/** Nothing of the folders above belongs to this app, and it is built once. */
export default {
  turbopack: { root: import.meta.dirname },
  experimental: { turbopackFileSystemCacheForBuild: false },
};
