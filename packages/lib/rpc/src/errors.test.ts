import { Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  asGantryError,
  errorTable,
  errorText,
  type ErrorKind,
  GantryError,
  httpStatus,
  isErrorOf,
  isGantryError,
  notFound,
} from './errors';
import { fromServiceError, toStatus } from './status';

const kinds = Object.keys(errorTable) as ErrorKind[];

function overTheWire(error: GantryError): GantryError {
  const { code, details, metadata } = toStatus(error);
  return fromServiceError(Object.assign(new Error(details), { code, details, metadata }));
}

test.each(kinds)('%s crosses gRPC unchanged', (kind) => {
  const error = new GantryError(kind, 'it "ü"\n failed', { meta: { id: 'a', code: 127, fatal: true } });
  expect(overTheWire(error)).toMatchObject({ kind, message: error.message, meta: error.meta });
});

test('a foreign server is read by its code', () => {
  const foreign = (code: number): ServiceError => Object.assign(new Error('x'), { code, details: 'd', metadata: new Metadata() });
  expect(fromServiceError(foreign(5)).kind).toBe('notFound');
  expect(fromServiceError(foreign(9)).kind).toBe('failedPrecondition');
  expect(fromServiceError(foreign(99)).kind).toBe('unknown');
  const lying = foreign(5);
  lying.metadata.set('gantry-error-kind', 'constructor');
  expect(fromServiceError(lying).kind).toBe('notFound');
});

test('long messages and metas do not break the headers', () => {
  const error = overTheWire(notFound('x'.repeat(100_000), { meta: { big: 'y'.repeat(10_000) } }));
  expect(error.message.length).toBeLessThan(2100);
  expect(error.meta).toEqual({});
});

test('HTTP statuses are those of dockerd', () => {
  expect(
    (
      [
        'notFound',
        'invalidArgument',
        'conflict',
        'alreadyExists',
        'notModified',
        'forbidden',
        'unauthorized',
        'notImplemented',
        'unavailable',
        'internal',
      ] as const
    ).map((kind) => httpStatus(new GantryError(kind, 'x'))),
  ).toEqual([404, 400, 409, 409, 304, 403, 401, 501, 503, 500]);
  expect(httpStatus(new Error('x'))).toBe(500);
});

test('the brand is known across copies of the module', () => {
  jest.isolateModules(() => {
    const copy = jest.requireActual<typeof import('./errors')>('./errors');
    expect(isGantryError(copy.notFound('x'))).toBe(true);
    expect(isErrorOf(copy.notFound('x'), 'notFound')).toBe(true);
  });
  expect(isGantryError({ kind: 'notFound' })).toBe(false);
});

test('other errors become internal, aborts become cancelled, causes are told', () => {
  const cause = new Error('disk full');
  expect(asGantryError(cause)).toMatchObject({ kind: 'internal', message: 'disk full', cause });
  expect(asGantryError(new DOMException('stopped', 'AbortError')).kind).toBe('cancelled');
  expect(asGantryError(AbortSignal.timeout(0).reason ?? new DOMException('late', 'TimeoutError')).kind).toBe('deadlineExceeded');
  expect(errorText(notFound('cannot pull', { cause }))).toBe('cannot pull: disk full');
});
