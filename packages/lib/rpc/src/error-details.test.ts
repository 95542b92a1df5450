import { detailsOf, withDetail } from './error-details';
import { invalidArgument, prefixed } from './errors';
import { fromServiceError, toStatus } from './status';

const detail = (name: string, size = 2) => ({ typeUrl: `example/${name}+json`, value: Buffer.alloc(size, '{') });

test('details of an error and of its causes cross gRPC, inner ones first', () => {
  const inner = withDetail(withDetail(invalidArgument('no'), detail('A')), detail('B'));
  const outer = withDetail(prefixed(inner, 'failed'), detail('C'));
  const { code, details, metadata } = toStatus(outer);
  const there = fromServiceError(Object.assign(new Error(details), { code, details, metadata }));
  expect(there.message).toBe('failed: no');
  expect(detailsOf(there)).toEqual([detail('A'), detail('B'), detail('C')]);
});

test('what does not fit into the headers is left out, and an error without details has no trailer', () => {
  const { code, details, metadata } = toStatus(withDetail(withDetail(invalidArgument('no'), detail('big', 100_000)), detail('small')));
  const there = fromServiceError(Object.assign(new Error(details), { code, details, metadata }));
  expect(detailsOf(there).map(({ typeUrl }) => typeUrl)).toEqual(['example/small+json']);
  expect(toStatus(invalidArgument('no')).metadata?.get('grpc-status-details-bin')).toEqual([]);
});
