import { type Signable, signed } from './signature';

// Values of AWS's own test suite for Signature Version 4.
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const suite = { region: 'us-east-1', service: 'service', at: new Date('2015-08-30T12:36:00Z') };
const url = new URL('https://example.amazonaws.com/');
const signatureOf = (request: Partial<Signable>): string | undefined =>
  signed({ method: 'POST', url, headers: {}, body: Buffer.alloc(0), ...request }, credentials, suite)['Authorization'];

test.each<[string, Partial<Signable>, string, string]>([
  ['get-vanilla', { method: 'GET' }, 'host;x-amz-date', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ['post-vanilla', {}, 'host;x-amz-date', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'post-x-www-form-urlencoded',
    { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: Buffer.from('Param1=value1') },
    'content-type;host;x-amz-date',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
])('%s', (_name, request, names, signature) => {
  expect(signatureOf(request)).toBe(
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
  );
});

test('a session’s token is signed, too', () => {
  const headers = signed({ method: 'POST', url, headers: {}, body: Buffer.alloc(0) }, { ...credentials, sessionToken: 'token' }, suite);
  expect(headers).toMatchObject({ 'X-Amz-Security-Token': 'token', 'X-Amz-Date': '20150830T123600Z' });
  expect(headers['Authorization']).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
});
