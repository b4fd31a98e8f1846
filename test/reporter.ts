import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';

/**
 * Closes a run with what the default reporter leaves out: each skipped test or group of tests with
 * the reason it gave to `ctx.skip(reason)`, and as the very last line the totals.
 * What fails outside a test (a file that can't be loaded, a `beforeAll`, an unhandled rejection)
 * counts as one failure, and the tests it kept from running as skipped.
 */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandledErrors: ReadonlyArray<SerializedError>,
  ): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string) => tests.filter((test) => test.result().state === state);
    const skipped = [...inState('skipped'), ...inState('pending')];
    const suites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const failed = inState('failed').length + errorsOutsideTests(suites) + unhandledErrors.length;
    for (const line of describeSkipped(skipped)) console.log(line);
    console.log(`${inState('passed').length} passed, ${failed} failed, ${skipped.length} skipped`);
  }
}

function errorsOutsideTests(suites: ReadonlyArray<TestModule | TestSuite>): number {
  return suites.reduce((sum, suite) => sum + suite.errors().length, 0);
}

/** A line for each group of tests that were skipped together for one reason. */
function describeSkipped(tests: TestCase[]): string[] {
  const groups = Map.groupBy(tests, (test) => `${placeOf(test.parent)}\n${reasonOf(test)}`);
  return [...groups.values()].flatMap(([test, ...others]) => {
    if (test === undefined) return [];
    const what = others.length === 0 ? ` > ${test.name}` : ` (${1 + others.length} tests)`;
    return `skipped: ${placeOf(test.parent)}${what}: ${reasonOf(test)}`;
  });
}

function placeOf(parent: TestModule | TestSuite): string {
  return parent.type === 'module'
    ? parent.relativeModuleId
    : `${parent.module.relativeModuleId} > ${parent.fullName}`;
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  if (test.options.mode === 'todo') return 'to do';
  return setupFailed(test.parent) ? 'its setup failed' : 'no reason given';
}

function setupFailed(parent: TestModule | TestSuite): boolean {
  return parent.errors().length > 0 || (parent.type === 'suite' && setupFailed(parent.parent));
}
