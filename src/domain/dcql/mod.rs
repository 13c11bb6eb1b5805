//! DCQL: queries, claims path pointers, and whether an answer satisfies a query (OpenID4VP 1.0 sections 6 and 7).
