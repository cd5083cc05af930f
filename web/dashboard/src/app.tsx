import { subject } from "@bellhop/client";
import { type ReactNode, useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { type Desk, DeskContext } from "./context.tsx";
import { Gateway } from "./gateway.ts";
import { Live } from "./live.ts";
import { For } from "./may.tsx";
import { AuditPage } from "./pages/audit.tsx";
import { CampaignsPage } from "./pages/campaigns.tsx";
import { Compose } from "./pages/compose.tsx";
import { Feed } from "./pages/feed.tsx";
import { MailPage } from "./pages/mail.tsx";
import { NodesPage } from "./pages/nodes.tsx";
import { OnlinePage } from "./pages/online.tsx";
import { OverviewPage } from "./pages/overview.tsx";
import { ScheduledPage } from "./pages/scheduled.tsx";
import { SignIn } from "./pages/signin.tsx";
import { StatisticsPage } from "./pages/statistics.tsx";
import { SuppressionsPage } from "./pages/suppressions.tsx";
import { TopicsPage } from "./pages/topics.tsx";
import { TracePage } from "./pages/trace.tsx";
import { TypesPage } from "./pages/types.tsx";
import { Users } from "./pages/users.tsx";
import { Renewal } from "./renewal.tsx";
import { feedOf, href, parse, type Route } from "./route.ts";
import { Shell } from "./shell.tsx";
import { forgetToken, keepToken, whenGiven } from "./token.ts";
import { Fence } from "./ui/fence.tsx";
import { Toasts, toast } from "./ui/toast.tsx";
import { humane } from "./words.ts";

export function App(props: { token: string | null }): ReactNode {
  const [token, setToken] = useState(props.token);
  const [why, setWhy] = useState<string | null>(null);
  const signIn = useCallback((given: string) => {
    keepToken(given);
    setWhy(null);
    setToken(given);
  }, []);
  const signOut = useCallback((reason: string | null) => {
    forgetToken();
    setWhy(reason);
    setToken(null);
  }, []);
  useEffect(() => {
    if (token === null) whenGiven(signIn);
  }, [token, signIn]);
  return (
    <>
      {token === null ? (
        <SignIn why={why} signIn={signIn} />
      ) : (
        <Session key={token} token={token} signIn={signIn} signOut={signOut} />
      )}
      <Toasts />
    </>
  );
}

function Session(props: {
  token: string;
  signIn: (token: string) => void;
  signOut: (why: string | null) => void;
}): ReactNode {
  const { token, signIn, signOut } = props;
  const [desk, setDesk] = useState<Desk | null>(null);
  useEffect(() => {
    const gateway = new Gateway(token);
    const live = new Live(gateway);
    live.onUrgent = ({ type, title }) =>
      toast(`${humane(type)}: ${title}`, "bad", { label: "Show", href: href(feedOf("")) });
    const renew = async (fresh: string) => {
      // Another's token is another session.
      if (subject(fresh) !== subject(gateway.token)) return signIn(fresh);
      await gateway.renew(fresh);
      keepToken(fresh);
      if (gateway.status.get().state === "online") toast("Signed in anew.", "good");
    };
    whenGiven((fresh) => renew(fresh).catch((error: Error) => toast(error.message, "bad")));
    setDesk({ gateway, live, renew });
    const stop = gateway.status.subscribe(() => {
      const status = gateway.status.get();
      if (status.state === "ended") signOut(status.why);
    });
    return () => {
      stop();
      live.stop();
      gateway.close();
    };
  }, [token, signIn, signOut]);
  if (desk === null) return null;
  const leave = () => signOut(null);
  return (
    <DeskContext value={desk}>
      <Pages signOut={leave} />
      <Renewal signOut={leave} />
    </DeskContext>
  );
}

function Pages({ signOut }: { signOut: () => void }): ReactNode {
  const route = useRoute();
  return (
    <Shell route={route} signOut={signOut}>
      <Fence key={route.page}>
        <Page route={route} />
      </Fence>
    </Shell>
  );
}

function Page({ route }: { route: Route }): ReactNode {
  switch (route.page) {
    case "overview":
      return <OverviewPage />;
    case "online":
      return <OnlinePage />;
    case "feed":
      return <Feed route={route} />;
    case "users":
      return <Users key={route.user} user={route.user} />;
    case "topics":
      return <TopicsPage key={route.topic} topic={route.topic} />;
    case "scheduled":
      return <ScheduledPage />;
    case "nodes":
      return <NodesPage />;
    case "mail":
      return <MailPage route={route} />;
    case "suppressions":
      return <SuppressionsPage key={route.address} address={route.address} scope={route.scope} />;
    case "campaigns":
      return <CampaignsPage campaign={route.campaign} state={route.state} />;
    case "statistics":
      return <StatisticsPage route={route} />;
    case "types":
      return <TypesPage type={route.type} view={route.view} />;
    case "trace":
      return <TracePage route={route} />;
    case "audit":
      return <AuditPage route={route} />;
    case "compose":
      return (
        <For event="emit">
          <Compose key={`${route.to} ${route.type}`} to={route.to} type={route.type} />
        </For>
      );
  }
}

const follow = (listener: () => void) => {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
};

function useRoute(): Route {
  return parse(useSyncExternalStore(follow, () => location.hash));
}
