import Link from "next/link";

/** A server component. */
export default function Home() {
  return (
    <>
      <h1>Shop</h1>
      <Link href="/orders">Orders</Link>
    </>
  );
}
