import { cancelled, detailsOf, invalidArgument, withDetail } from '@gantry/rpc';
import { withoutCode } from './without-code';

test('a failure of a build has no code and keeps words and details', () => {
  const failure = withDetail(invalidArgument('unknown instruction: X'), { typeUrl: 'of/a.Type', value: Buffer.from('1') });
  const plain = withoutCode(failure, ['cancelled']);
  expect([plain.kind, plain.message]).toEqual(['unknown', 'unknown instruction: X']);
  expect(detailsOf(plain)).toEqual([{ typeUrl: 'of/a.Type', value: Buffer.from('1') }]);
});

test('that a build was given up stays told', () => expect(withoutCode(cancelled('given up'), ['cancelled']).kind).toBe('cancelled'));
