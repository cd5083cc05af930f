/** What a shop's backend does for whoever is signed in there. */
export const dynamic = "force-dynamic";

export const GET = () => new Response(process.env.BELLHOP_TOKEN);
