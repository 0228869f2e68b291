"""Sends each request to one of many endpoints by published rules, survives their faults and never pays twice.

It knows endpoints by their cards only: no provider is imported or named here.
"""
