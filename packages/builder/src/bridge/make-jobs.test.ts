import { newContext, silentLogger } from '@gantry/rpc';
import { StoredKeys } from '../solver';
import { keysTables } from '../solver/store/schema';
import { FakeRefs, fakeSolver } from '../solver/testing/fakes';
import { openBuildStore } from '../store';
import { makeJobs } from '.';

afterEach(() => jest.useRealTimers());

test('the progress of a build waits six seconds for the build to be asked for, as BuildKit does', async () => {
  jest.useFakeTimers();
  const refs = new FakeRefs();
  const keys = new StoredKeys(openBuildStore(':memory:', [keysTables]));
  const jobs = makeJobs({ solver: fakeSolver(keys, refs), logger: silentLogger } as never);
  const settled: string[] = [];
  const ask = (id: string) =>
    jobs
      .status(newContext(), id)
      [Symbol.asyncIterator]()
      .next()
      .then(
        () => settled.push(`${id} told`),
        (error: unknown) => settled.push(error instanceof Error ? error.message : ''),
      );
  const asked = [ask('late'), ask('never')];
  await jest.advanceTimersByTimeAsync(5900);
  expect(settled).toEqual([]);
  const job = jobs.open(newContext(), { id: 'late', sessionId: '', entitlements: new Set() } as never);
  job.endProgress();
  await jest.advanceTimersByTimeAsync(200);
  await Promise.all(asked);
  expect(settled).toEqual(['late told', 'no such job never']);
  await job.close();
});
