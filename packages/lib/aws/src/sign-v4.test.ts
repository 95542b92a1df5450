import { createHash } from 'node:crypto';
import { type Signable, signV4 } from './sign-v4';

// Values of AWS's own test suite for Signature Version 4.
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const payloadOf = (body: string): string => createHash('sha256').update(body).digest('hex');
const suite = { region: 'us-east-1', service: 'service', at: new Date('2015-08-30T12:36:00Z') };
const url = new URL('https://example.amazonaws.com/');
const post: Signable = { ...suite, method: 'POST', url, headers: {}, payload: payloadOf('') };
const signatureOf = (request: Partial<Signable>): string | undefined => signV4({ ...post, ...request }, credentials)['authorization'];

test.each<[string, Partial<Signable>, string, string]>([
  ['get-vanilla', { method: 'GET' }, 'host;x-amz-date', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ['post-vanilla', {}, 'host;x-amz-date', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'post-x-www-form-urlencoded',
    { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, payload: payloadOf('Param1=value1') },
    'content-type;host;x-amz-date',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
])('%s', (_name, request, names, signature) => {
  expect(signatureOf(request)).toBe(
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
  );
});

test('a session’s token is signed, too', () => {
  const headers = signV4(post, { ...credentials, sessionToken: 'token' });
  expect(headers).toMatchObject({ 'x-amz-security-token': 'token', 'x-amz-date': '20150830T123600Z' });
  expect(headers['authorization']).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
});

test('a request to S3 is signed as in its documentation', () => {
  const payload = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const headers = signV4(
    {
      method: 'GET',
      url: new URL('https://examplebucket.s3.amazonaws.com/test.txt'),
      headers: { range: 'bytes=0-9', 'x-amz-content-sha256': payload },
      payload,
      region: 'us-east-1',
      service: 's3',
      at: new Date('2013-05-24T00:00:00Z'),
    },
    { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
  );
  expect(headers['authorization']).toMatch(/Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41$/);
});
