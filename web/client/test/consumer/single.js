/** A page whose bundler makes one file of everything. */

import "@bellhop/client/inbox";
