// Reads {attester, attested, domain} from standard input and prints whether the EAS SDK believes the attestation.
// The SDK's own ES modules don't load in Node (lodash has no named exports), its CommonJS ones do.
import { createRequire } from 'node:module';

const { EAS, Offchain, OffchainAttestationVersion } = createRequire(import.meta.url)('@ethereum-attestation-service/eas-sdk');

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { attester, attested, domain } = JSON.parse(Buffer.concat(chunks).toString());
const config = { address: domain.verifyingContract, version: domain.version, chainId: BigInt(domain.chainId) };
const offchain = new Offchain(config, OffchainAttestationVersion.Version2, new EAS(domain.verifyingContract));
const message = { ...attested.message };
for (const name of ['time', 'expirationTime']) message[name] = BigInt(message[name]);
const whole = { ...attested, message, domain: { ...attested.domain, chainId: BigInt(attested.domain.chainId) } };
console.log(JSON.stringify(offchain.verifyOffchainAttestationSignature(attester, whole)));
