export { type AwsCredentials, type Signable, signV4 } from './sign-v4';
