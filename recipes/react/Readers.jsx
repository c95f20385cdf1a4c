import 'onlookers';

export function Readers() {
  return <p><online-count counter="https://count.example/" page="auto" peek="">–</online-count> readers</p>;
}
