// Reads typed_data.json's vectors from standard input and prints viem's digest, domain separator and signer of each, as JSON.
import { hashDomain, hashTypedData, recoverTypedDataAddress } from 'viem';

const EIP712Domain = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
];

let text = '';
for await (const chunk of process.stdin) text += chunk;
const { types, vectors } = JSON.parse(text);
const found = [];
for (const { primaryType, domain, message, signature } of vectors) {
  const whole = { name: 'Piecework', version: '1', chainId: BigInt(domain.chainId), verifyingContract: domain.escrow };
  const typed = { domain: whole, types: { [primaryType]: types[primaryType] }, primaryType, message };
  found.push({
    separator: hashDomain({ domain: whole, types: { EIP712Domain } }),
    digest: hashTypedData(typed),
    signer: (await recoverTypedDataAddress({ ...typed, signature })).toLowerCase(),
  });
}
process.stdout.write(JSON.stringify(found));
