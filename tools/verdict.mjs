// What two jest reports say together: the whole run, and the second try of the files that failed in it (ADR 0369).

/** More files than these failing is no chance: nothing is tried again. */
const MOST = 3;

/** The paths of the files to try once more, each alone; none where nothing failed or too much did. */
export function filesToTryAgain(first) {
  const failed = first.testResults.filter(({ status }) => status === 'failed').map(({ name }) => name);
  return failed.length > MOST ? [] : failed;
}

/** jest's options for the second try: one file after the other, by their paths. jest refuses --runInBand beside a number of workers. */
export function alone(options) {
  return [...options.filter((word) => !/^--(maxWorkers|runInBand)/.test(word)), '--runInBand', '--runTestsByPath'];
}

/** Counts and names of both reports: a file's second result stands for it; `unsteady` names what failed at first only. */
export function verdict(first, second) {
  const said = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [], unsteady: [] };
  const again = new Map(second?.testResults.map((suite) => [suite.name, suite]));
  for (const suite of first.testResults) {
    const last = again.get(suite.name) ?? suite;
    for (const { status, fullName } of last.assertionResults) {
      if (status === 'passed') said.passed++;
      else if (status === 'failed') said.failures.push(fullName);
      else said.skips.push(fullName);
    }
    // A file that could not run, or failed outside of its tests, has no failed test to be counted.
    if (last.status === 'failed' && !last.assertionResults.some(({ status }) => status === 'failed')) said.failures.push(last.name);
    if (last.status === 'failed' || suite.status !== 'failed') continue;
    const names = suite.assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
    said.unsteady.push(...(names.length > 0 ? names : [suite.name]));
  }
  return { ...said, failed: said.failures.length, skipped: said.skips.length };
}
