// Package report gives the answers of the API their shapes: JSON for programs,
// whose field names are promises, and tables for people that fit 80 columns.
//
// Text that comes from clients and servers, such as block keys, is quoted in
// tables if it holds what a terminal would act on.
package report
