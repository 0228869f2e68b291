# pragma version 0.4.3
# A token for the tests: dollars with six places, and transfers that their owner has signed (EIP-3009, 2020-09-28).

name: public(String[16])
version: public(String[4])
decimals: public(uint8)
balanceOf: public(HashMap[address, uint256])
authorizationState: public(HashMap[address, HashMap[bytes32, bool]])

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

DOMAIN: constant(bytes32) = keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
TRANSFER: constant(bytes32) = keccak256("TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)")

@deploy
def __init__(name: String[16], version: String[4], holder: address, amount: uint256):
    self.name = name
    self.version = version
    self.decimals = 6
    self.balanceOf[holder] = amount

@external
def transferWithAuthorization(giver: address, to: address, amount: uint256, validAfter: uint256, validBefore: uint256, nonce: bytes32, v: uint8, r: bytes32, s: bytes32):
    assert block.timestamp > validAfter, "authorization is not yet valid"
    assert block.timestamp < validBefore, "authorization is expired"
    assert not self.authorizationState[giver][nonce], "authorization is used"
    domain: bytes32 = keccak256(abi_encode(DOMAIN, keccak256(self.name), keccak256(self.version), chain.id, self))
    told: bytes32 = keccak256(abi_encode(TRANSFER, giver, to, amount, validAfter, validBefore, nonce))
    digest: bytes32 = keccak256(concat(b"\x19\x01", domain, told))
    assert ecrecover(digest, v, r, s) == giver, "invalid signature"
    self.authorizationState[giver][nonce] = True
    assert self.balanceOf[giver] >= amount, "insufficient funds"
    self.balanceOf[giver] -= amount
    self.balanceOf[to] += amount
    log Transfer(sender=giver, receiver=to, value=amount)
