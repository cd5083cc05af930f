/** Another page under the same layout, whose island stays as it is. */
export default function Orders() {
  return <h1>Orders</h1>;
}
