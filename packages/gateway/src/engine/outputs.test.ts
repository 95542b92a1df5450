import { Outputs } from './outputs';

const LONG = 60_000;

test('an exit is told behind the output of its container, and behind that only', async () => {
  const outputs = new Outputs();
  const [one, other] = [outputs.begin('a'), outputs.begin('a')];
  outputs.begin('b');
  const told: string[] = [];
  const exit = outputs.written('a', LONG).then(() => told.push('exit'));
  one();
  await outputs.written('c', LONG);
  expect(told).toEqual([]);
  other();
  await exit;
  expect(told).toEqual(['exit']);
  await outputs.written('a', LONG);
});

test('who never takes its output holds an exit up for so long only', async () => {
  const outputs = new Outputs();
  const end = outputs.begin('a');
  await outputs.written('a', 1);
  end();
  end();
  await outputs.written('a', LONG);
});
